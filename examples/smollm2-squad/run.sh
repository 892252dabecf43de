#!/usr/bin/env bash
# From nothing to the report: see README.md.
set -euo pipefail
squad=$1 model=$2 rate=${3:-8} seed=${4:-1}
here=$(cd "$(dirname "$0")" && pwd)
scaledown=${SCALEDOWN:-scaledown}
run=$(pwd)/runs/smollm2-squad-$rate-$seed
data=$run/data
[ -e "$model" ] && model=$(realpath "$model")
common=(--set "generator.model=\"$model\"" --set "compression.memory_tokens=$((256 / rate))" --set "training.seed=$seed")

mkdir -p "$data"
[ -f "$data/test.jsonl" ] || python3 "$here/split.py" "$squad" "$data"

# The teacher's answers from full paragraphs, those that hold a right one.
if [ ! -f "$data/train.jsonl" ]; then
    "$scaledown" label "$here/train.toml" "${common[@]}" --right --records "$data/questions.jsonl" --out "$data/train.jsonl"
fi

"$scaledown" pretrain "$here/pretraining.toml" "${common[@]}" --resume \
    --set "pretraining.text=\"$data/text.txt\"" --set "training.max_steps=${STEPS_PRETRAIN:-2000}" \
    --set "output.directory=\"$run/pretraining\""
"$scaledown" train "$here/train.toml" "${common[@]}" --resume \
    --set "data.train=\"$data/train.jsonl\"" --set "training.max_steps=${STEPS_TRAIN:-1500}" \
    --set "training.init_from=\"$run/pretraining/model\"" --set "output.directory=\"$run\""
"$scaledown" evaluate "$here/train.toml" "${common[@]}" \
    --set "data.test=\"$data/test.jsonl\"" --set "training.init_from=\"$run/pretraining/model\"" --set "output.directory=\"$run\""
