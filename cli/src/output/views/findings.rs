//! What the doctor found: a line for each check, and what to do below those that are not well.

use colony_node::doctor::{Check, Health, peer::Way, worst};
use serde_json::{Value, json};

use crate::{
    error::Failure,
    output::{Format, stream, style},
};

/// Width of the page: what fits every screen and every mail.
const WIDTH: usize = 80;
/// Columns before the finding: the health, and the name of the check.
const INDENT: usize = 20;

/// What was found.
#[derive(Debug)]
pub(crate) struct Findings {
    /// The peer that was tried, and the way to it.
    pub(crate) peer: Option<(String, Way)>,
    /// Each check.
    pub(crate) checks: Vec<Check>,
}

/// The same, to be printed.
pub(crate) const fn findings(findings: &Findings) -> Page<'_> {
    Page(findings)
}

/// Findings in whatever form was asked for.
#[derive(Debug)]
pub(crate) struct Page<'a>(&'a Findings);

impl Page<'_> {
    /// Prints them.
    pub(crate) fn print(&self, format: Format) -> Result<(), Failure> {
        let checks = &self.0.checks;
        match format {
            Format::Table | Format::Wide => stream::data(&self.page()),
            Format::Json => stream::data(&format!("{:#}", self.json())),
            Format::Jsonl => lines(checks.iter().map(|check| as_json(check).to_string())),
            Format::Quiet => {
                let failed = checks.iter().filter(|check| check.health == Health::Fail);
                lines(failed.map(|check| check.name.to_owned()))
            }
        }
    }

    fn json(&self) -> Value {
        let checks: Vec<Value> = self.0.checks.iter().map(as_json).collect();
        let mut all = json!({ "status": worst(&self.0.checks).word(), "checks": checks });
        if let (Some((peer, way)), Value::Object(fields)) = (&self.0.peer, &mut all) {
            fields.insert("peer".to_owned(), peer.as_str().into());
            fields.insert("path".to_owned(), way.word().into());
        }
        all
    }

    fn page(&self) -> String {
        let mut page = String::new();
        for check in &self.0.checks {
            let head = format!("{:<8}{:<12}", check.health.word(), check.name);
            page.push_str(&paragraph(&head, &style::one_line(&check.finding)));
            if !check.fix.is_empty() && check.health != Health::Ok {
                page.push_str(&paragraph(
                    &" ".repeat(INDENT),
                    &format!("fix: {}", style::one_line(&check.fix)),
                ));
            }
        }
        if let Some((peer, way)) = &self.0.peer {
            let end = match way {
                Way::None => format!("no way leads to {}\n", style::one_line(peer)),
                way => format!("the way to {} is {}\n", style::one_line(peer), way.word()),
            };
            page.push_str(&end);
        }
        page
    }
}

fn lines(lines: impl Iterator<Item = String>) -> Result<(), Failure> {
    let all: String = lines.map(|line| line + "\n").collect();
    if all.is_empty() { Ok(()) } else { stream::data(&all) }
}

fn as_json(check: &Check) -> Value {
    json!({
        "name": check.name,
        "status": check.health.word(),
        "finding": check.finding,
        "fix": check.fix,
    })
}

/// A text beside its head, broken between words. (A word that is longer than a line, an address, stands alone.)
fn paragraph(head: &str, text: &str) -> String {
    let room = WIDTH.saturating_sub(INDENT);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        let length = line.chars().count();
        if length > 0 && length.saturating_add(1).saturating_add(word.chars().count()) > room {
            lines.push(word.to_owned());
            continue;
        }
        if length > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    let indent = " ".repeat(INDENT);
    let with_head = |(at, line): (usize, &String)| {
        let before = if at == 0 { head } else { indent.as_str() };
        format!("{before}{line}\n")
    };
    lines.iter().enumerate().map(with_head).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Findings {
        let far = "an hour behind b's; beyond 60s requests and tickets are refused, whoever made them";
        let checks = vec![Check::ok("disk", "fine"), Check::fail("clock", far, "timedatectl set-ntp true")];
        Findings { peer: Some(("b".to_owned(), Way::Relayed)), checks }
    }

    #[test]
    fn a_page_keeps_to_80_columns_and_shows_what_to_do() {
        let page = findings(&some()).page();
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
        assert!(page.starts_with("ok      disk        fine\n"), "{page}");
        assert!(page.contains("\n                    fix: timedatectl set-ntp true\n"), "{page}");
        assert!(page.ends_with("the way to b is relayed\n"), "{page}");
    }

    #[test]
    fn programs_get_the_worst_and_each() {
        let all = findings(&some()).json();
        assert_eq!((&all["status"], &all["path"]), (&"fail".into(), &"relayed".into()));
        assert_eq!(all["checks"][0], json!({"name": "disk", "status": "ok", "finding": "fine", "fix": ""}));
    }
}
