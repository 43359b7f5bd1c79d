//! A gateway killed at any point of an analyst's journey: what was acknowledged is in force when it is there
//! again, what was under way is done or not done, and the journey goes on. `REPRISE_JOURNEY_KILLS` sets how often;
//! `scripts/crash.sh` runs the long form.

mod client;
mod kill;
mod known;
mod route;
mod shape;

use crate::helpers::{Place, Random, rounds};
use crate::mock::Mock;

use self::client::{Client, Keys};
use self::kill::{Moment, cut_short, start};
use self::known::Known;

fn place(mock: &Mock) -> (Place, Keys) {
    let place = Place::new(mock).alike();
    let keys = Keys {
        app: place.key("acme", "app"),
        foreign: place.key("globex", "app"),
        analyst: place.key("acme", "analyst"),
        admin: place.key("root", "admin"),
    };
    (place, keys)
}

#[test]
fn an_analysts_journey_goes_on_where_it_was_however_often_the_gateway_is_killed() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let mut random = Random(rounds("REPRISE_CRASH_SEED", 7));
    let total = rounds("REPRISE_JOURNEY_KILLS", 6);
    let mut known = Known::default();
    for _ in 0..total {
        let gateway = start(&place, &mut random);
        let client = Client::new(&gateway, &keys);
        known.check(&client, &place, false).unwrap();
        let moment = Moment::some(&mut random);
        let walk = || route::walk(&client, &mut known);
        let (ended, died) = cut_short(gateway, &place.data, &moment, walk);
        assert!(!ended.stderr.contains("failed inside"), "{ended:?}");
        known.died = Some(died);
    }
    let gateway = start(&place, &mut random);
    let client = Client::new(&gateway, &keys);
    known.check(&client, &place, true).unwrap();
    // Undisturbed it comes to its end.
    while !known.is_at_an_end() {
        route::step(&client, &mut known).unwrap();
    }
    known.died = None;
    known.check(&client, &place, false).unwrap();
    println!("{total} kills: {}", known.summary());
}
