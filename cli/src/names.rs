//! Names of things: what a node is called unless somebody says otherwise, and what somebody may have meant.

use nix::unistd::gethostname;
use strsim::jaro_winkler;

/// How alike two names are if one may be a slip of the other; below this a guess annoys.
const ALIKE: f64 = 0.8;
/// A node's name where the system has none.
const NAMELESS: &str = "node";

/// The host's name up to its first dot.
pub(crate) fn of_this_host() -> String {
    let name = gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let short = name.split('.').next().unwrap_or_default();
    if short.is_empty() || short.contains(':') { NAMELESS.to_owned() } else { short.to_owned() }
}

/// The name itself, then with a number: on one machine several nodes have the same host.
pub(crate) fn numbered(name: &str) -> impl Iterator<Item = String> {
    let name = name.to_owned();
    std::iter::once(name.clone()).chain((2..).map(move |number: u32| format!("{name}-{number}")))
}

/// The known name most like the one that was typed.
pub(crate) fn meant<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (jaro_winkler(&typed.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["alpha", "beta", "gamma"];
        assert_eq!(meant("alhpa", known), Some("alpha"));
        assert_eq!(meant("Beta", known), Some("beta"));
        assert_eq!(meant("zulu", known), None);
        assert_eq!(meant("x", []), None);
    }

    #[test]
    fn names_of_one_host_are_numbered() {
        assert_eq!(numbered("h").take(3).collect::<Vec<_>>(), ["h", "h-2", "h-3"]);
        assert!(!of_this_host().is_empty());
    }
}
