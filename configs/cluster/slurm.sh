#!/usr/bin/env bash
# Prepares all records in an array of 32 jobs. Build the index once before
# (`scaledown index build /data/prepare.toml`). Resubmit a job that was killed or timed out to
# resume it. Afterwards:
#   scaledown dataset merge /data/prepared/shard-* --out /data/train.jsonl
#SBATCH --job-name=scaledown-prepare
#SBATCH --array=0-31
#SBATCH --cpus-per-task=16
#SBATCH --mem=32G
#SBATCH --time=08:00:00
#SBATCH --requeue
set -euo pipefail
config=/data/prepare.toml
shard="$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
output="/data/prepared/shard-$SLURM_ARRAY_TASK_ID-of-$SLURM_ARRAY_TASK_COUNT"
resume=()
if [ -e "$output/journal" ]; then resume=(--resume); fi
srun scaledown prepare "$config" --shard "$shard" "${resume[@]}"
