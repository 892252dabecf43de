//! Trainings on disks that become full.
#![cfg(unix)]

use std::process::Command;

use crate::tiny::{ENDLESS, Ended, Tiny, finish, one_error, start, train, with};

/// Fills a disk after a first checkpoint: the next write fails with a one-line error. Once there is
/// room, the training resumes from the last complete checkpoint.
fn goes_on_once_there_is_room(
    tiny: &Tiny,
    directory: &str,
    starved: impl FnOnce(&[String]) -> Ended,
    made_room: impl FnOnce(),
) -> String {
    let settings = |steps: &'static str| with(&ENDLESS, &[steps]);
    let undisturbed = tiny.train("undisturbed", &settings("training.max_steps=6"));
    tiny.train(directory, &settings("training.max_steps=2"));
    let saved = tiny.files(&format!("{directory}/checkpoints"));
    let resume = train(directory, &with(&settings("training.max_steps=6"), &["--resume"]));
    let Ended { code, out, err } = starved(&resume);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(
        tiny.files(&format!("{directory}/checkpoints")) == saved,
        "the checkpoint of step 2 was changed, or something is left: {err}"
    );
    made_room();
    tiny.done(&resume);
    assert_eq!(tiny.curve(directory), undisturbed);
    for name in ["compressor.safetensors", "adapter_model.safetensors"] {
        let content = |run: &str| std::fs::read(tiny.path(run).join("model").join(name)).unwrap();
        assert!(content(directory) == content("undisturbed"), "{name}");
    }
    one_error(&err)
}

#[test]
fn a_limit_on_the_size_of_files_is_reported_and_survived() {
    let tiny = Tiny::new();
    // 64 KiB: enough for the log, and too little for a checkpoint. A shell's blocks have 512 or
    // 1024 bytes.
    let limited = |arguments: &[String]| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_scaledown")]);
        finish(start(shell.args(arguments).current_dir(tiny.path("."))))
    };
    let error = goes_on_once_there_is_room(&tiny, "run", limited, || ());
    let file = tiny.path("run/checkpoints/step-00000004/optimizer.safetensors");
    assert!(error.starts_with(&format!("cannot write {}: File too large", file.display())), "{error}");
}

/// A file system in memory of 1 MiB, unmounted at the end.
#[cfg(target_os = "linux")]
struct Disk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    /// `None` if this user may not mount.
    fn mount(at: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Disk(at))
    }

    /// Fills the disk except for `rest` bytes.
    fn fill(&self, rest: usize) {
        let _ = std::fs::write(self.0.join("ballast"), vec![0; 1 << 20]);
        let size = std::fs::metadata(self.0.join("ballast")).unwrap().len();
        std::fs::File::options().write(true).open(self.0.join("ballast")).unwrap().set_len(size - rest as u64).unwrap();
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_and_survived() {
    let tiny = Tiny::new();
    let Some(disk) = Disk::mount(tiny.path("disk")) else {
        eprintln!("skipped: only root may mount a small disk");
        return;
    };
    // Room for the log and a part of a checkpoint.
    let starved = |arguments: &[String]| {
        disk.fill(100 << 10);
        tiny.run(arguments)
    };
    let error =
        goes_on_once_there_is_room(&tiny, "disk/run", starved, || std::fs::remove_file(tiny.path("disk/ballast")).unwrap());
    let file = tiny.path("disk/run/checkpoints/step-00000004/optimizer.safetensors");
    assert_eq!(
        error,
        format!("cannot write {}: the disk is full; free some space (No space left on device (os error 28))", file.display())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_before_the_first_checkpoint_is_reported_with_what_can_be_done() {
    let tiny = Tiny::new();
    let Some(disk) = Disk::mount(tiny.path("disk")) else {
        eprintln!("skipped: only root may mount a small disk");
        return;
    };
    // Room for the configuration, and for the metrics of a few steps.
    disk.fill(24 << 10);
    let command = train("disk/run", &["training.schedule=constant", "training.max_steps=100"]);
    let error = tiny.failed(&command, 1);
    let message = "free some space and run the command again, with --resume if it has written a checkpoint";
    assert!(error.starts_with("the disk is full: cannot log metrics to ") && error.ends_with(message), "{error}");
    assert!(!tiny.curve("disk/run").is_empty() && tiny.checkpoints("disk/run").is_empty(), "{error}");
    std::fs::remove_file(tiny.path("disk/ballast")).unwrap();
    tiny.done(&command);
    assert_eq!(tiny.curve("disk/run").len(), 100);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_from_the_start_is_reported_and_survived() {
    let tiny = Tiny::new();
    let Some(disk) = Disk::mount(tiny.path("disk")) else {
        eprintln!("skipped: only root may mount a small disk");
        return;
    };
    let starved = |arguments: &[String]| {
        disk.fill(0);
        tiny.run(arguments)
    };
    let error =
        goes_on_once_there_is_room(&tiny, "disk/run", starved, || std::fs::remove_file(tiny.path("disk/ballast")).unwrap());
    assert!(error.contains("the disk is full") && error.contains("disk/run/"), "{error}");
}
