//! Checks written into a template: every variable passes through
//! [`budget::pass`](super::budget::pass) where it is read.
//!
//! One operator at most adds what it is given, so that no value is longer than what its expression
//! reads. The operator `%` becomes a filter, as it formats a text where Python runs the template.

/// The filter that checks a value.
pub(super) const PASS: &str = "__pass";
/// The filter that stands for the operator `%`.
pub(super) const REMAINDER: &str = "__remainder";

/// Words of an expression that are not variables.
const WORDS: [&str; 12] = ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "recursive", "import"];

/// The bytes of the longest literal text in a template.
pub(super) fn longest_text(source: &str) -> usize {
    let (mut longest, mut rest) = (0, source);
    while let Some(at) = next_tag(rest) {
        longest = longest.max(at);
        rest = &rest[at + 2..];
        let end = rest.as_bytes().windows(2).position(|pair| matches!(pair, b"}}" | b"%}" | b"#}")).unwrap_or(rest.len());
        longest = longest.max(end);
        rest = &rest[end..];
    }
    longest.max(rest.len())
}

/// Where the next tag begins. It looks no further: a template has many.
fn next_tag(text: &str) -> Option<usize> {
    text.as_bytes().windows(2).position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// How deep an expression may be: its open brackets, and the operands and operators of each since
/// the last comma. The engine goes down as deep on the stack.
const DEEPEST: usize = 300;
/// The maximum `elif` of a template; the engine nests them.
const MOST_BRANCHES: usize = 100;

/// The template with its checks.
///
/// # Errors
/// If it cannot be read as one, or is nested deeper than a template may be.
pub(super) fn guarded(source: &str) -> Result<String, String> {
    let mut output = String::with_capacity(source.len() * 5 / 4);
    let (mut rest, mut branches) = (source, 0);
    while let Some(at) = next_tag(rest) {
        let line = || source[..source.len() - rest.len() + at].matches('\n').count() + 1;
        output.push_str(&rest[..at + 2]);
        let (open, inside) = (&rest[at..at + 2], &rest[at + 2..]);
        if open == "{#" {
            let end = inside.find("#}").map_or(inside.len(), |end| end + 2);
            output.push_str(&inside[..end]);
            rest = &inside[end..];
            continue;
        }
        let is_block = open == "{%";
        let (tokens, length) = tokens(inside, if is_block { "%}" } else { "}}" })
            .ok_or_else(|| format!("syntax error: `{open}` without its end (in line {})", line()))?;
        branches +=
            usize::from(is_block && tokens.iter().find(|token| token.is_name()).is_some_and(|token| token.text == "elif"));
        if branches > MOST_BRANCHES || depth(&tokens) > DEEPEST {
            return Err(format!("nested too deep (line {})", line()));
        }
        let is_raw = is_block && tokens.iter().find(|token| token.is_name()).is_some_and(|token| token.text == "raw");
        let mut writer = Writer { tokens: &tokens, output: &mut output, after_product: false };
        if is_block {
            writer.statement()
        } else {
            writer.expression()
        }
        rest = &inside[length..];
        if is_raw {
            let end = end_of_raw(rest).ok_or_else(|| format!("syntax error: `raw` without its end (in line {})", line()))?;
            output.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    output.push_str(rest);
    Ok(output)
}

/// Where the tag that ends a raw text begins.
fn end_of_raw(text: &str) -> Option<usize> {
    text.match_indices("{%").map(|(at, _)| at).find(|&at| {
        let word = text[at + 2..].trim_start_matches(['-', '+']).trim_start();
        word.strip_prefix("endraw").is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// A token of an expression, with the white space before it.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    space: &'a str,
    text: &'a str,
}

impl Token<'_> {
    fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }

    fn is_literal(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit() || c == '"' || c == '\'')
    }
}

/// The tokens up to the tag's `end`, which is the last of them, and their length.
fn tokens<'a>(source: &'a str, end: &str) -> Option<(Vec<Token<'a>>, usize)> {
    let (mut tokens, mut at, mut depth) = (Vec::new(), 0, 0_usize);
    loop {
        let rest = &source[at..];
        let space = &rest[..rest.len() - rest.trim_start().len()];
        let rest = &rest[space.len()..];
        let signed = rest.strip_prefix(['-', '+']).is_some_and(|rest| rest.starts_with(end));
        if depth == 0 && (signed || rest.starts_with(end)) {
            let text = &rest[..end.len() + usize::from(signed)];
            tokens.push(Token { space, text });
            return Some((tokens, at + space.len() + text.len()));
        }
        let first = rest.chars().next()?;
        let length = match first {
            '"' | '\'' => quoted(rest, first)?,
            _ if first.is_alphanumeric() || first == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        match first {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        tokens.push(Token { space, text: &rest[..length] });
        at += space.len() + length;
    }
}

/// How deep the expression of a tag is at most.
fn depth(tokens: &[Token<'_>]) -> usize {
    let (mut open, mut here, mut around, mut deepest) = (Vec::new(), 0_usize, 0_usize, 0_usize);
    for token in tokens {
        match token.text {
            "(" | "[" | "{" => {
                open.push(here);
                (around, here) = (around + here + 1, 0);
            }
            ")" | "]" | "}" => {
                // Of a bracket without its beginning the parser tells.
                let before = open.pop().unwrap_or(0);
                (around, here) = (around.saturating_sub(before + 1), before + 1);
            }
            "," => here = 0,
            _ => here += 1,
        }
        deepest = deepest.max(around + here);
    }
    deepest
}

/// The length of the literal that begins with `quote`.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, letter)| {
        let ends = !escaped && letter == quote;
        escaped = !escaped && letter == '\\';
        ends
    });
    end.map(|(at, _)| at + 1)
}

/// Writes the tokens of one tag.
struct Writer<'a, 'b> {
    tokens: &'b [Token<'a>],
    output: &'b mut String,
    /// Whether the last operator binds as `%` does, so that what stands before is a part of its
    /// left side.
    after_product: bool,
}

impl<'a> Writer<'a, '_> {
    fn next(&mut self) -> Option<Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*first)
    }

    fn peek(&self) -> &'a str {
        self.tokens.first().map_or("", |token| token.text)
    }

    /// The text after the next.
    fn second(&self) -> &'a str {
        self.tokens.get(1).map_or("", |token| token.text)
    }

    fn third(&self) -> &'a str {
        self.tokens.get(2).map_or("", |token| token.text)
    }

    fn write(&mut self) -> bool {
        let Some(token) = self.next() else { return false };
        self.output.push_str(token.space);
        self.output.push_str(token.text);
        true
    }

    fn statement(&mut self) {
        if matches!(self.peek(), "-" | "+") {
            self.write();
        }
        let word = self.peek();
        self.write();
        match word {
            "set" if self.tokens.iter().any(|token| token.text == "=") => self.until("="),
            "for" => self.until("in"),
            "if" | "elif" | "with" => {}
            _ => {
                while self.write() {}
                return;
            }
        }
        self.expression();
    }

    fn until(&mut self, text: &str) {
        while self.peek() != text && self.write() {}
        self.write();
    }

    fn expression(&mut self) {
        if matches!(self.peek(), "-" | "+") && self.output.ends_with("{{") {
            self.write();
        }
        self.nested("");
    }

    /// Everything up to the closing bracket, which is left.
    fn nested(&mut self, close: &str) {
        self.after_product = false;
        while let Some(token) = self.tokens.first().copied() {
            if !close.is_empty() && token.text == close {
                return;
            }
            match token.text {
                "is" => self.test(),
                text if token.is_literal() || matches!(text, "(" | "[" | "{") => self.operand(),
                text if token.is_name() && !WORDS.contains(&text.to_lowercase().as_str()) => {
                    let is_argument = self.second() == "=" && self.third() != "=";
                    if is_argument {
                        self.write();
                    } else {
                        self.operand();
                    }
                }
                text if token.is_name() && matches!(text.to_lowercase().as_str(), "true" | "false" | "none") => self.operand(),
                text => {
                    self.after_product = matches!(text, "*" | "/" | "%");
                    self.write();
                }
            }
        }
    }

    /// `is`, `not`, and the name of a test, with its arguments in brackets.
    fn test(&mut self) {
        self.write();
        if self.peek() == "not" {
            self.write();
        }
        if self.tokens.first().is_some_and(Token::is_name) {
            self.write();
        }
        if self.peek() == "(" {
            self.brackets(")");
        }
    }

    fn brackets(&mut self, close: &str) {
        let before = self.after_product;
        self.write();
        self.nested(close);
        self.write();
        self.after_product = before;
    }

    /// A literal, a variable or a bracketed expression, with its accesses.
    fn operand(&mut self) {
        while matches!(self.peek(), "-" | "+") {
            self.write();
        }
        let Some(first) = self.tokens.first().copied() else { return };
        match first.text {
            "(" => self.brackets(")"),
            "[" => self.brackets("]"),
            "{" => self.brackets("}"),
            _ => {
                self.write();
            }
        }
        while first.is_literal() && self.tokens.first().is_some_and(Token::is_literal) {
            self.write();
        }
        loop {
            match self.peek() {
                "." => {
                    self.write();
                    self.write();
                }
                "[" => self.brackets("]"),
                "(" => self.brackets(")"),
                _ => break,
            }
        }
        if first.is_name() {
            self.output.push('|');
            self.output.push_str(PASS);
        }
        self.filters();
        while self.peek() == "%" && !self.after_product {
            self.next();
            self.output.push('|');
            self.output.push_str(REMAINDER);
            self.output.push('(');
            // The rest on the right belongs to the whole.
            self.after_product = true;
            self.operand();
            self.after_product = false;
            self.output.push(')');
        }
    }

    fn filters(&mut self) {
        while self.peek() == "|" {
            self.write();
            self.write();
            while self.peek() == "." {
                self.write();
                self.write();
            }
            if self.peek() == "(" {
                self.brackets(")");
            }
        }
    }
}
