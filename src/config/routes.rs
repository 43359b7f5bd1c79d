//! Where requests go: routes, groups and what may go elsewhere, as written. Does not choose.

use serde::Deserialize;

use super::Config;
use super::pattern::Pattern;
use super::sections::TtlClass;

/// One of `[[routes]]`: who answers a model, in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Model names it is for.
    pub model: Pattern,
    /// Tried from first to last; never empty.
    pub candidates: Vec<Candidate>,
    /// Where a share of the requests goes first instead.
    #[serde(default)]
    pub canary: Option<Share>,
    /// Where a share of them also goes, its answers thrown away.
    #[serde(default)]
    pub shadow: Option<Share>,
    /// Whether a fallback model's answer may be stored under the requested one.
    #[serde(default)]
    pub store_fallback: bool,
    /// Whether answers that call tools may be stored.
    #[serde(default)]
    pub store_tool_calls: bool,
    /// Whether what carries personal data may be stored.
    #[serde(default = "yes")]
    pub store_personal: bool,
    /// How long its answers last, whatever is asked.
    #[serde(default)]
    pub ttl_class: Option<TtlClass>,
}

fn yes() -> bool {
    true
}

/// One step of a route.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// A provider's name; either this or `group`.
    #[serde(default)]
    pub provider: Option<String>,
    /// The model to ask it for; `None` = the requested one.
    #[serde(default)]
    pub model: Option<String>,
    /// A group's name.
    #[serde(default)]
    pub group: Option<String>,
}

/// How a group chooses among its members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "default.toml documents each word")]
pub enum Strategy {
    #[default]
    Fallback,
    RoundRobin,
    LeastConnections,
    Weighted,
    Latency,
    Cost,
}

/// One of `[[groups]]`: several ways to get an answer, under a name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Unique name.
    pub name: String,
    /// How it chooses.
    #[serde(default)]
    pub strategy: Strategy,
    /// Among whom; never empty.
    pub members: Vec<Member>,
    /// Whether a conversation stays with one member.
    #[serde(default)]
    pub sticky: bool,
}

/// One of a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// A provider's name; either this or `group`.
    #[serde(default)]
    pub provider: Option<String>,
    /// The model to ask it for; `None` = the requested one.
    #[serde(default)]
    pub model: Option<String>,
    /// Another group's name.
    #[serde(default)]
    pub group: Option<String>,
    /// How much it takes; `None` = 1, 0 = only when none of the others can be asked.
    #[serde(default)]
    pub weight: Option<u32>,
}

/// Where a share of a route's requests goes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// A provider's name; either this or `group`.
    #[serde(default)]
    pub provider: Option<String>,
    /// The model to ask it for; `None` = the requested one.
    #[serde(default)]
    pub model: Option<String>,
    /// A group's name.
    #[serde(default)]
    pub group: Option<String>,
    /// From 0 to 1.
    pub share: f64,
}

/// Where something leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// To a provider.
    Target {
        /// Its name.
        provider: &'a str,
        /// The model to ask it for; `None` = the requested one.
        model: Option<&'a str>,
    },
    /// To a group of that name.
    Group(&'a str),
}

/// Tells where each of these leads.
macro_rules! places {
    ($($kind:ident),+) => {$(
        impl $kind {
            /// Where it leads.
            #[must_use]
            pub fn place(&self) -> Place<'_> {
                match self.group.as_deref() {
                    Some(name) => Place::Group(name),
                    None => Place::Target {
                        provider: self.provider.as_deref().unwrap_or_default(),
                        model: self.model.as_deref(),
                    },
                }
            }
        }
    )+};
}

places!(Candidate, Member, Share);

impl Config {
    /// The group of that name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The routes with the targets of groups in their place, those of a canary behind them: who may answer at all.
    #[must_use]
    pub fn flat_routes(&self) -> Vec<Route> {
        let flat = |route: &Route| {
            let canary = route.canary.as_ref().map(Share::place);
            let places = route.candidates.iter().map(Candidate::place).chain(canary);
            let mut candidates = Vec::new();
            for place in places {
                self.flatten(place, &mut Vec::new(), &mut candidates);
            }
            Route {
                candidates,
                ..route.clone()
            }
        };
        self.routes.iter().map(flat).collect()
    }

    /// `within` holds the groups on the way, so that one which leads back to itself ends.
    fn flatten<'a>(&'a self, place: Place<'a>, within: &mut Vec<&'a str>, to: &mut Vec<Candidate>) {
        match place {
            Place::Target { provider, model } => to.push(Candidate {
                provider: Some(provider.to_owned()),
                model: model.map(str::to_owned),
                group: None,
            }),
            Place::Group(name) if within.contains(&name) => {}
            Place::Group(name) => {
                within.push(name);
                for member in self.group(name).iter().flat_map(|group| &group.members) {
                    self.flatten(member.place(), within, to);
                }
                within.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::from_file;

    const PROVIDERS: &str = "[[providers]]\nname='a'\nbase_url='http://a'\n\
                             [[providers]]\nname='b'\nbase_url='http://b'\n";

    fn read(text: &str) -> Result<Config, String> {
        let faults = |faults: crate::config::Faults| {
            let lines = faults
                .0
                .iter()
                .map(|f| format!("{}: {}", f.path, f.message));
            lines.collect::<Vec<_>>().join("\n")
        };
        from_file(&format!("{PROVIDERS}{text}")).map_err(faults)
    }

    fn group(name: &str, rest: &str) -> String {
        format!("[[groups]]\nname='{name}'\n{rest}\n")
    }

    fn told(text: &str) -> String {
        read(text).unwrap_err()
    }

    #[test]
    fn groups_hold_providers_and_groups_and_a_route_leads_to_either() {
        let text = group(
            "fast",
            "strategy='latency'\nmembers=[{provider='a'},{provider='b',model='m2'}]",
        ) + &group(
            "all",
            "strategy='weighted'\nsticky=true\n\
             members=[{group='fast',weight=3},{provider='b',model='m3',weight=0}]",
        ) + "[[routes]]\nmodel='m'\ncandidates=[{group='all'},{provider='a',model='last'}]\n\
             canary={provider='b',model='new',share=0.05}\nshadow={group='fast',share=1}";
        let config = read(&text).unwrap();
        let all = config.group("all").unwrap();
        assert_eq!((all.strategy, all.sticky), (Strategy::Weighted, true));
        assert_eq!(all.members[0].place(), Place::Group("fast"));
        assert_eq!(all.members[1].weight, Some(0));
        let canary = config.routes[0].canary.as_ref().unwrap();
        assert_eq!(canary.share.to_bits(), 0.05_f64.to_bits());
        let flat = config.flat_routes();
        let flat: Vec<_> = flat[0].candidates.iter().map(Candidate::place).collect();
        let target = |provider, model| Place::Target { provider, model };
        let want = [
            target("a", None),
            target("b", Some("m2")),
            target("b", Some("m3")),
            target("a", Some("last")),
            target("b", Some("new")),
        ];
        assert_eq!(flat, want);
    }

    #[test]
    fn a_group_that_is_not_there_or_holds_nobody_is_told() {
        let text = group("g", "members=[]") + "[[routes]]\nmodel='m'\ncandidates=[{group='x'}]";
        let told = told(&text);
        assert!(
            told.contains("groups[0].members: must not be empty"),
            "{told}"
        );
        assert!(
            told.contains("routes[0].candidates[0].group: is not the name of a group"),
            "{told}"
        );
    }

    #[test]
    fn a_group_that_leads_back_to_itself_is_told() {
        let text = group("a", "members=[{group='b'}]") + &group("b", "members=[{group='a'}]");
        let told = told(&text);
        assert!(
            told.contains("groups[0].members: leads back to `a`"),
            "{told}"
        );
        assert!(
            told.contains("groups[1].members: leads back to `b`"),
            "{told}"
        );
    }

    #[test]
    fn groups_of_groups_must_not_grow_without_end() {
        let twice = |name: &str, of: &str| {
            group(
                name,
                &format!("members=[{{group='{of}'}},{{group='{of}'}}]"),
            )
        };
        let mut text = group("g0", "members=[{provider='a'}]");
        for i in 1..=8 {
            text += &twice(&format!("g{i}"), &format!("g{}", i - 1));
        }
        assert!(read(&text).is_ok());
        let told = told(&(text + &twice("g9", "g8")));
        assert!(
            told.contains("groups[9].members: leads to more than 256 targets"),
            "{told}"
        );
    }

    #[test]
    fn a_member_leads_to_one_place() {
        let both = told(&group("g", "members=[{provider='a',group='g2'}]"));
        assert!(both.contains("groups[0].members[0].group: must not stand beside `provider`"));
        let model = told(&group("g", "members=[{group='g2',model='m'}]"));
        assert!(model.contains("groups[0].members[0].model: must not stand beside `group`"));
        let neither = told(&group("g", "members=[{}]"));
        assert_eq!(neither, "groups[0].members[0].provider: is missing");
    }

    #[test]
    fn weights_that_say_nothing_are_told() {
        let members = |w: u32| format!("members=[{{provider='a',weight={w}}}]");
        let zero = told(&group("g", &format!("strategy='weighted'\n{}", members(0))));
        assert_eq!(zero, "groups[0].members: must not all have the weight 0");
        let idle = told(&group("g", &members(1)));
        assert!(
            idle.contains("groups[0].members[0].weight: is not looked at"),
            "{idle}"
        );
        let idle = told(&group("g", &format!("strategy='cost'\n{}", members(2))));
        assert!(
            idle.contains("groups[0].members[0].weight: is not looked at"),
            "{idle}"
        );
        let sticky = format!("strategy='latency'\nsticky=true\n{}", members(2));
        assert!(read(&group("g", &sticky)).is_ok());
        let large = told(&group(
            "g",
            &format!("strategy='weighted'\n{}", members(2_000_000)),
        ));
        assert_eq!(
            large,
            "groups[0].members[0].weight: must be from 0 to 1000000"
        );
        let sticky = told(&group("g", "sticky=true\nmembers=[{provider='a'}]"));
        assert!(
            sticky.contains("groups[0].sticky: is not looked at"),
            "{sticky}"
        );
    }

    #[test]
    fn a_share_is_one() {
        let route = |share: &str| {
            format!("[[routes]]\nmodel='m'\ncandidates=[{{provider='a'}}]\ncanary={{{share}}}")
        };
        let above = told(&route("provider='b',share=1.5"));
        assert_eq!(above, "routes[0].canary.share: must be from 0 to 1");
        assert_eq!(
            told(&route("provider='b'")),
            "routes[0].canary.share: is missing"
        );
        let nobody = told(&route("provider='x',share=0.1"));
        assert_eq!(
            nobody,
            "routes[0].canary.provider: is not the name of a provider"
        );
        assert!(told(&route("provider='b',shar=0.1")).contains("did you mean `share`?"));
    }

    #[test]
    fn names_of_groups_are_unique_and_plain() {
        let members = "members=[{provider='a'}]";
        let told = told(&(group("g", members) + &group("g", members) + &group("no way", members)));
        assert!(
            told.contains("groups[1].name: is the name of another group too"),
            "{told}"
        );
        assert!(told.contains("groups[2].name: must be 1 to 64"), "{told}");
    }

    #[test]
    fn a_providers_limits_are_at_least_one() {
        let limited = |n: u32| {
            from_file(&format!(
                "[[providers]]\nname='a'\nbase_url='http://a'\nmax_concurrency={n}\n\
                 requests_per_minute={n}\ntokens_per_minute={n}"
            ))
        };
        assert_eq!(limited(5).unwrap().providers[0].max_concurrency, Some(5));
        assert_eq!(limited(0).unwrap_err().0.len(), 3);
    }
}
