//! Builds what a route leads to out of the settings: a tree of groups over the list of the targets in it. Pure.

use super::strategy::{Group, Member, Node, Strategy, TargetIndex};
use crate::config;
use crate::config::Place;

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// How to choose.
    pub node: Node,
    /// Among whom, by [`TargetIndex`]; each once.
    pub targets: Vec<Target>,
    /// How many of them, from the first on, stand in the first place: their answers are the route's own, those of all
    /// others are stand-ins.
    pub own: usize,
}

/// One model of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The provider's name.
    pub provider: String,
    /// Its own name for the model; none: as requested.
    pub model: Option<String>,
}

impl Tree {
    /// One provider after the other, each with its own name for the model or the one that is asked for.
    #[must_use]
    pub fn chain(candidates: &[(&str, Option<&str>)]) -> Self {
        let places = candidates.iter().map(|(provider, model)| Place::Target {
            provider,
            model: *model,
        });
        Self::new(places, &[])
    }

    /// A tree that tries `places` in order. Groups that are not among `groups`, or that lead back to themselves, are
    /// left out: the settings' checks have told of them.
    #[must_use]
    pub fn new<'a>(
        places: impl IntoIterator<Item = Place<'a>>,
        groups: &'a [config::Group],
    ) -> Self {
        let mut builder = Builder {
            groups,
            within: Vec::new(),
            targets: Vec::new(),
        };
        let (mut members, mut own) = (Vec::new(), 0);
        for place in places {
            members.extend(builder.member(place, 1));
            if own == 0 {
                own = builder.targets.len();
            }
        }
        Self {
            own,
            node: Node::Group(Group::new("", Strategy::Fallback, false, members)),
            targets: builder.targets,
        }
    }
}

struct Builder<'a> {
    groups: &'a [config::Group],
    within: Vec<&'a str>,
    targets: Vec<Target>,
}

impl<'a> Builder<'a> {
    fn member(&mut self, place: Place<'a>, weight: u32) -> Option<Member> {
        match place {
            Place::Target { provider, model } => {
                let name = format!("{provider}|{}", model.unwrap_or_default());
                let node = Node::Target(self.target(provider, model));
                Some(Member::new(node, weight, &name))
            }
            Place::Group(name) => {
                let group = self.groups.iter().find(|g| g.name == name)?;
                if self.within.contains(&name) {
                    return None;
                }
                self.within.push(name);
                let members = group.members.iter();
                let members = members.filter_map(|m| self.member(m.place(), m.weight.unwrap_or(1)));
                let members = members.collect();
                self.within.pop();
                let strategy = strategy(group.strategy);
                let node = Node::Group(Group::new(name, strategy, group.sticky, members));
                Some(Member::new(node, weight, &format!("group:{name}")))
            }
        }
    }

    fn target(&mut self, provider: &str, model: Option<&str>) -> TargetIndex {
        let target = Target {
            provider: provider.to_owned(),
            model: model.map(str::to_owned),
        };
        let known = self.targets.iter().position(|t| *t == target);
        TargetIndex(known.unwrap_or_else(|| {
            self.targets.push(target);
            self.targets.len() - 1
        }))
    }
}

fn strategy(written: config::Strategy) -> Strategy {
    match written {
        config::Strategy::Fallback => Strategy::Fallback,
        config::Strategy::RoundRobin => Strategy::RoundRobin,
        config::Strategy::LeastConnections => Strategy::LeastConnections,
        config::Strategy::Weighted => Strategy::Weighted,
        config::Strategy::Latency => Strategy::Latency,
        config::Strategy::Cost => Strategy::Cost,
    }
}

#[cfg(test)]
mod tests {
    use super::super::strategy::{Ask, TargetState, View, order};
    use super::*;

    fn member(provider: &str, model: Option<&str>, weight: u32) -> config::Member {
        config::Member {
            provider: Some(provider.to_owned()),
            model: model.map(str::to_owned),
            weight: Some(weight),
            group: None,
        }
    }

    fn inner(group: &str) -> config::Member {
        config::Member {
            group: Some(group.to_owned()),
            ..config::Member::default()
        }
    }

    fn group(
        name: &str,
        strategy: config::Strategy,
        members: Vec<config::Member>,
    ) -> config::Group {
        config::Group {
            name: name.to_owned(),
            strategy,
            members,
            sticky: false,
        }
    }

    fn ordered(tree: &Tree, turn: u64) -> Vec<String> {
        let targets = vec![TargetState::default(); tree.targets.len()];
        let order = order(&tree.node, &View { targets }, &Ask::default(), &|_| turn);
        let name = |t: &TargetIndex| {
            let target = &tree.targets[t.0];
            format!(
                "{}/{}",
                target.provider,
                target.model.as_deref().unwrap_or("*")
            )
        };
        order.targets.iter().map(name).collect()
    }

    const LAST: Place<'_> = Place::Target {
        provider: "c",
        model: None,
    };

    #[test]
    fn a_route_tries_its_candidates_in_order_and_a_group_in_the_groups_own() {
        let members = vec![member("a", Some("m"), 3), member("b", None, 1)];
        let groups = [group("g", config::Strategy::RoundRobin, members)];
        let tree = Tree::new([Place::Group("g"), LAST], &groups);
        assert_eq!(ordered(&tree, 0), ["a/m", "b/*", "c/*"]);
        assert_eq!(ordered(&tree, 1), ["b/*", "a/m", "c/*"]);
        assert_eq!(tree.own, 2, "the group's answers are the route's own");
        assert_eq!(Tree::new([LAST, Place::Group("g")], &groups).own, 1);
    }

    #[test]
    fn weights_arrive_and_a_target_in_two_groups_is_one_target() {
        let of = |weight| vec![member("a", None, weight), member("c", None, 1)];
        let groups = [
            group("x", config::Strategy::Weighted, of(3)),
            group("y", config::Strategy::Weighted, of(1)),
        ];
        let tree = Tree::new([Place::Group("x"), Place::Group("y"), LAST], &groups);
        assert_eq!(tree.targets.len(), 2);
        let leads = (0..4).filter(|turn| ordered(&tree, *turn)[0] == "a/*");
        assert_eq!(leads.count(), 3);
    }

    #[test]
    fn circles_and_unknown_groups_are_left_out() {
        let groups = [
            group("x", config::Strategy::Fallback, vec![inner("y")]),
            group(
                "y",
                config::Strategy::Fallback,
                vec![inner("x"), member("a", None, 1)],
            ),
        ];
        let tree = Tree::new([Place::Group("x"), Place::Group("gone"), LAST], &groups);
        assert_eq!(ordered(&tree, 0), ["a/*", "c/*"]);
    }
}
