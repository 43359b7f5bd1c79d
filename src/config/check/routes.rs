//! Routes and groups: that each leads somewhere, to one place, and not in circles.

use std::collections::HashSet;

use super::{Found, NAME, is_name};
use crate::config::routes::{Candidate, Group, Member, Place, Share, Strategy};
use crate::config::{Config, Route};

/// Targets that a group may lead to, counted as often as it does: an order is made for each request.
const MOST_TARGETS: usize = 256;
/// A weight above it is no share of anything.
const MOST_WEIGHT: u32 = 1_000_000;

/// The three fields that say where something leads.
struct Written<'a> {
    provider: Option<&'a str>,
    model: Option<&'a str>,
    group: Option<&'a str>,
}

macro_rules! written {
    ($($kind:ident),+) => {$(
        impl<'a> From<&'a $kind> for Written<'a> {
            fn from(from: &'a $kind) -> Self {
                Self {
                    provider: from.provider.as_deref(),
                    model: from.model.as_deref(),
                    group: from.group.as_deref(),
                }
            }
        }
    )+};
}

written!(Candidate, Member, Share);

impl Found<'_> {
    pub(super) fn routes(&mut self, config: &Config) {
        for (i, route) in config.routes.iter().enumerate() {
            if route.candidates.is_empty() {
                self.add(&format!("routes[{i}].candidates"), "must not be empty");
            }
            for (j, candidate) in route.candidates.iter().enumerate() {
                let path = format!("routes[{i}].candidates[{j}]");
                self.place(config, &path, &candidate.into());
            }
            self.shares(config, i, route);
        }
    }

    fn shares(&mut self, config: &Config, i: usize, route: &Route) {
        for (name, share) in [("canary", &route.canary), ("shadow", &route.shadow)] {
            let Some(share) = share else { continue };
            let path = format!("routes[{i}].{name}");
            self.place(config, &path, &share.into());
            if !(0.0..=1.0).contains(&share.share) {
                self.add(&format!("{path}.share"), "must be from 0 to 1");
            }
        }
    }

    pub(super) fn groups(&mut self, config: &Config) {
        let mut seen = HashSet::new();
        for (i, group) in config.groups.iter().enumerate() {
            let path = format!("groups[{i}].name");
            if !is_name(&group.name) {
                self.add(&path, NAME);
            } else if !seen.insert(&group.name) {
                self.add(&path, "is the name of another group too");
            }
            let path = format!("groups[{i}].members");
            if group.members.is_empty() {
                self.add(&path, "must not be empty");
            }
            for (j, member) in group.members.iter().enumerate() {
                self.place(config, &format!("{path}[{j}]"), &member.into());
            }
            self.weights(group, i);
            match reach(config, &group.name, &mut Vec::new()) {
                Err(Endless) => self.add(&path, format!("leads back to `{}`", group.name)),
                Ok(targets) if targets > MOST_TARGETS => {
                    self.add(&path, format!("leads to more than {MOST_TARGETS} targets"));
                }
                Ok(_) => {}
            }
        }
    }

    fn weights(&mut self, group: &Group, i: usize) {
        let path = format!("groups[{i}]");
        let by_weight = matches!(
            group.strategy,
            Strategy::Weighted | Strategy::LeastConnections
        );
        let fallback = group.strategy == Strategy::Fallback;
        if fallback && group.sticky {
            let message = "is not looked at where `strategy` is \"fallback\"";
            self.add(&format!("{path}.sticky"), message);
        }
        for (j, member) in group.members.iter().enumerate() {
            let Some(weight) = member.weight else {
                continue;
            };
            let path = format!("{path}.members[{j}].weight");
            if weight > MOST_WEIGHT {
                self.add(&path, format!("must be from 0 to {MOST_WEIGHT}"));
            } else if fallback || (weight > 1 && !by_weight && !group.sticky) {
                let message = "is not looked at unless `strategy` is \"weighted\" or \
                               \"least_connections\", or `sticky` is true";
                self.add(&path, message);
            }
        }
        let idle = group.members.iter().all(|m| m.weight == Some(0));
        if idle && !group.members.is_empty() && !fallback {
            self.add(&format!("{path}.members"), "must not all have the weight 0");
        }
    }

    fn place(&mut self, config: &Config, path: &str, written: &Written<'_>) {
        let blank = |text: &str| text.trim().is_empty();
        match (written.provider, written.group) {
            (Some(_), Some(_)) => {
                let message = "must not stand beside `provider`";
                self.add(&format!("{path}.group"), message);
            }
            (None, None) => self.add(&format!("{path}.provider"), "is missing"),
            (Some(name), None) if config.providers.iter().all(|p| p.name != name) => {
                self.add(&format!("{path}.provider"), "is not the name of a provider");
            }
            (None, Some(name)) if config.group(name).is_none() => {
                self.add(&format!("{path}.group"), "is not the name of a group");
            }
            _ => {}
        }
        if written.group.is_some() && written.model.is_some() {
            self.add(&format!("{path}.model"), "must not stand beside `group`");
        } else if written.model.is_some_and(blank) {
            self.add(&format!("{path}.model"), "must not be empty");
        }
    }
}

/// It leads back to where it began.
struct Endless;

/// How many targets a group leads to, or a few more than too many. Circles that it is not part of are told elsewhere.
fn reach<'a>(
    config: &'a Config,
    name: &'a str,
    within: &mut Vec<&'a str>,
) -> Result<usize, Endless> {
    if within.first() == Some(&name) {
        return Err(Endless);
    }
    if within.contains(&name) {
        return Ok(0);
    }
    within.push(name);
    let mut targets = 0;
    for member in config.group(name).iter().flat_map(|group| &group.members) {
        targets += match member.place() {
            Place::Target { .. } => 1,
            Place::Group(inner) => reach(config, inner, within)?,
        };
        if targets > MOST_TARGETS {
            break;
        }
    }
    within.pop();
    Ok(targets)
}
