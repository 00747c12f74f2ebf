//! The manifest's `network`, and the command line's.

use super::check::Invocation;
use super::error::Text;
use super::schema::{Network, NetworkTable};
use super::{Manifest, ManifestError};
use crate::network::{Access, Rule, RuleError};

const NONE: &str = "none";

/// What is granted of the network; `None` for nothing.
pub(super) fn access(
    text: Text<'_>,
    manifest: &Manifest,
    invocation: &Invocation,
) -> Result<Option<Access>, ManifestError> {
    let mut access = Access::default();
    if invocation.network != [NONE]
        && let Some(network) = &manifest.network
    {
        match network.get_ref() {
            Network::Word(word) if word == NONE => {}
            Network::Word(word) => {
                let problem = format!("network {word:?} is not supported");
                let remedy = "say `network = \"none\"`, or `[network]` with `allow = [\"example.org:443\"]`";
                return Err(text.error(Some(network.span()), problem, remedy));
            }
            Network::Table(table) => add_table(text, table, &mut access)?,
        }
    }
    let named = invocation.network.iter().filter(|entry| invocation.network.len() > 1 || *entry != NONE);
    for entry in named {
        let rule = entry.parse().map_err(|error: RuleError| ManifestError {
            place: "command line".to_owned(),
            problem: format!("--network: {}", error.problem),
            remedy: error.remedy.to_owned(),
        })?;
        access.rules.push(rule);
    }
    let granted = access.every_name || !access.rules.is_empty();
    Ok(granted.then_some(access))
}

fn add_table(text: Text<'_>, table: &NetworkTable, access: &mut Access) -> Result<(), ManifestError> {
    for entry in &table.allow {
        let rule: Rule = entry
            .get_ref()
            .parse()
            .map_err(|error: RuleError| text.error(Some(entry.span()), error.problem, error.remedy))?;
        access.rules.push(rule);
    }
    access.every_name = table.dns;
    Ok(())
}
