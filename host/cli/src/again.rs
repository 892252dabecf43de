//! The command line of this process, written so that a shell takes it again.

/// This process's command line without the options that say what becomes of an earlier run.
pub(super) fn command_line() -> String {
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    shell(arguments.filter(|argument| argument != "--resume" && argument != "--overwrite"))
}

fn shell(arguments: impl Iterator<Item = String>) -> String {
    // `shlex` quotes what has a `=` too, which settings always have.
    let plain =
        |argument: &str| argument.contains('=') && argument.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=".contains(c));
    // Only a zero byte cannot be quoted, and no argument of a process has one.
    let quoted = |argument: String| match shlex::try_quote(&argument) {
        Ok(quoted) if !plain(&argument) => quoted.into_owned(),
        _ => argument,
    };
    arguments.map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_shell_takes_it_as_it_was() {
        let shell = |arguments: &[&str]| super::shell(arguments.iter().map(|&argument| argument.to_owned()));
        assert_eq!(
            shell(&["target/release/scaledown", "quickstart", "--set", "a.b=1"]),
            "target/release/scaledown quickstart --set a.b=1"
        );
        let arguments = ["x", "", "a b", "it's", "a.b=[\"c\"]", "*", "$HOME"];
        assert_eq!(shlex::split(&shell(&arguments)).unwrap(), arguments);
    }
}
