//! The proxy that the environment names.

use scaledown_sdk::{Error, Result};
use ureq::Proxy;

/// The variables that may name a proxy, the first that is set counts: as the HTTP client reads
/// them.
const VARIABLES: [&str; 6] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// The proxy that `ALL_PROXY`, `HTTPS_PROXY` or `HTTP_PROXY` names, in capitals or small letters,
/// for all hosts but those of `NO_PROXY`. Values are trimmed; blank variables count as not set. A
/// name and password in it go to the proxy alone.
///
/// # Errors
/// [`Error::Config`] with the variable's name, never its value, if it holds no address of a proxy.
pub fn proxy_from_environment() -> Result<Option<Proxy>> {
    read(|name| std::env::var(name).ok())
}

fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>> {
    let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let Some((name, value)) = VARIABLES.iter().find_map(|name| Some((*name, set(name)?))) else { return Ok(None) };
    let malformed = |_| {
        Error::Config(format!(
            "environment variable {name} is not a proxy address; set it to one such as http://host:port, or unset it"
        ))
    };
    let parsed = Proxy::new(&value).map_err(malformed)?;
    let mut proxy = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
    proxy = proxy.resolve_target(parsed.resolve_target());
    if let Some(user) = parsed.username() {
        proxy = proxy.username(user);
    }
    if let Some(password) = parsed.password() {
        proxy = proxy.password(password);
    }
    let exceptions = ["NO_PROXY", "no_proxy"].into_iter().find_map(set);
    for host in exceptions.iter().flat_map(|hosts| hosts.split(',')).map(str::trim).filter(|host| !host.is_empty()) {
        proxy = proxy.no_proxy(host);
    }
    proxy.build().map(Some).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)]) -> Result<Option<Proxy>> {
        read(|name| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn values_are_trimmed_and_blank_ones_are_not_set() {
        assert!(proxy(&[]).unwrap().is_none() && proxy(&[("HTTPS_PROXY", " \n")]).unwrap().is_none());
        let found = proxy(&[("ALL_PROXY", " "), ("HTTP_PROXY", " http://me:hid%40den@proxy.example:3128\n")]).unwrap().unwrap();
        assert_eq!((found.host(), found.port()), ("proxy.example", 3128));
        assert_eq!((found.username(), found.password()), (Some("me"), Some("hid@den")));
        let excepted = proxy(&[("ALL_PROXY", "proxy:1"), ("no_proxy", " localhost , .example ")]).unwrap().unwrap();
        assert!(excepted.is_no_proxy(&"http://localhost/".parse().unwrap()));
        assert!(excepted.is_no_proxy(&"http://a.example/".parse().unwrap()));
        assert!(!excepted.is_no_proxy(&"http://b.test/".parse().unwrap()));
    }

    #[test]
    fn a_malformed_one_is_reported_by_the_variables_name() {
        for value in ["http://me:hidden@", "ftp://me:hidden@host", "http://me:hidden@ho st:1", "::hidden::"] {
            let message = proxy(&[("HTTPS_PROXY", value)]).unwrap_err().to_string();
            assert!(
                message.contains("environment variable HTTPS_PROXY is not a proxy address") && !message.contains("hidden"),
                "{message}"
            );
        }
    }
}
