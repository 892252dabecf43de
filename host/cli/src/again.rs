//! The command line of this process, written so that a shell takes it again.

/// This process's command line without the options that say what becomes of an earlier run.
pub(super) fn command_line() -> String {
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    shell(arguments.filter(|argument| argument != "--resume" && argument != "--overwrite"))
}

fn shell(arguments: impl Iterator<Item = String>) -> String {
    let plain = |argument: &String| {
        !argument.is_empty() && argument.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./=:,+@%".contains(letter))
    };
    let quoted = |argument: String| if plain(&argument) { argument } else { format!("'{}'", argument.replace('\'', "'\\''")) };
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
        assert_eq!(shell(&["x", "", "a b", "it's", "a.b=[\"c\"]"]), "x '' 'a b' 'it'\\''s' 'a.b=[\"c\"]'");
    }
}
