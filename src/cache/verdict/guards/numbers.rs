//! The guard of numbers and of the units at them. Knows nothing of dates.

use super::Finding;
use super::digits::MONTHS;
use super::pair::Pair;
use super::quantity::Quantity;
use super::reading::Reading;
use super::token::{Form, Kind, Token};
use super::units::{Unit, named};

/// Amounts nearer than this to each other, as a share of them, are one: what arithmetic on decimals leaves.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}

/// Whether two amounts are the same amount.
fn same(a: &Quantity, b: &Quantity) -> bool {
    let clocks = |form| matches!(form, Form::Clock | Form::FullClock);
    if clocks(a.form) != clocks(b.form) {
        return false;
    }
    if clocks(a.form) && a.form != b.form {
        return near(a.value % 720.0, b.value % 720.0);
    }
    match (a.unit, b.unit) {
        (Some(x), Some(y)) => {
            x.dimension == y.dimension && near(a.value * x.size, b.value * y.size)
        }
        (None, None) => near(a.value, b.value),
        (Some(unit), None) => is_part(a.value, unit, b.value),
        (None, Some(unit)) => is_part(b.value, unit, a.value),
    }
}

/// `50 %`, `half`: whether an amount with a unit is the other without.
fn is_part(value: f64, unit: Unit, plain: f64) -> bool {
    near(value, plain) || (near(value / 100.0, plain) && named("percent") == Some(unit))
}

/// Amounts of each side that the other has not.
fn left(a: &[Quantity], b: &[Quantity]) -> (Vec<Quantity>, Vec<Quantity>) {
    let mut rest = b.to_vec();
    let mut only = Vec::new();
    for quantity in a {
        match rest.iter().position(|other| same(quantity, other)) {
            Some(place) => {
                rest.swap_remove(place);
            }
            None => only.push(*quantity),
        }
    }
    (only, rest)
}

/// An amount with the content words on both sides of it; 0 for none.
type Placed = ((u64, u64), f64);

fn placed(reading: &Reading) -> Vec<Placed> {
    let tokens = reading.tokens();
    let key = |i: Option<usize>| {
        // Of a sum the order does not matter.
        let even =
            |t: &Token| !t.lower.chars().all(char::is_alphabetic) || t.is_of(&["plus", "times"]);
        let word = |t: &&Token| !t.stop && t.kind == Kind::Word && !even(t);
        let token = i.and_then(|i| tokens.get(i)).filter(word);
        token.map_or(0, |t| t.key)
    };
    let strong = reading.quantities().iter().filter(|q| !q.weak);
    let beside = |q: &Quantity| (key(q.first.checked_sub(1)), key(Some(q.first + 1)));
    // Of a date the parts may stand in any order: a year beside its month is no amount of anything.
    let year = |q: &&Quantity| {
        let month = [q.first.checked_sub(1), Some(q.first + 1)];
        let mut month = month.into_iter().flatten().filter_map(|i| tokens.get(i));
        (1000.0..3000.0).contains(&q.value) && month.any(|t| t.is_of(&MONTHS))
    };
    let strong = strong.filter(|q| !year(q));
    let mut all: Vec<Placed> = strong.map(|q| (beside(q), q.value)).collect();
    all.retain(|(beside, _)| *beside != (0, 0));
    all
}

/// `2 apples and 3 pears`, `3 apples and 2 pears`: the same amounts of other things.
fn exchanged(pair: &Pair<'_>) -> bool {
    let (a, b) = (placed(pair.a), placed(pair.b));
    let of = |all: &[Placed], beside| -> Vec<u64> {
        let values = all.iter().filter(|p| p.0 == beside);
        let mut values: Vec<u64> = values.map(|p| p.1.to_bits()).collect();
        values.sort_unstable();
        values
    };
    a.iter().any(|(beside, _)| {
        let there = of(&b, *beside);
        !there.is_empty() && there != of(&a, *beside)
    })
}

/// `a cup`, `two cups`: another amount in the place of an article.
fn is_for_one(pair: &Pair<'_>, amounts: &[Quantity], in_a: bool) -> bool {
    let (of, other) = if in_a {
        (pair.a, pair.b)
    } else {
        (pair.b, pair.a)
    };
    let (tokens, others) = (of.tokens(), other.tokens());
    let alone = |q: &&Quantity| q.count == 1 + usize::from(q.unit.is_some());
    amounts
        .iter()
        .filter(alone)
        .filter(|q| !q.weak && !near(q.value, 1.0))
        .any(|q| {
            let counted = tokens.get(q.first + 1).map(|t| t.key);
            let article = |j: usize| {
                let aligned = if in_a {
                    pair.is_aligned(q.first, j)
                } else {
                    pair.is_aligned(j, q.first)
                };
                let same = others.get(j + 1).map(|t| t.key) == counted;
                aligned && same && others[j].is_of(&["a", "an"])
            };
            counted.is_some() && (0..others.len()).any(article)
        })
}

/// `a half marathon`, `a marathon`: nothing but a part is said more.
fn is_half(pair: &Pair<'_>) -> bool {
    let halves = |of: &Reading, only: &[usize]| only.iter().any(|i| of.tokens()[*i].is("half"));
    match pair.strays() {
        (1, 0) => halves(pair.a, pair.only_a()),
        (0, 1) => halves(pair.b, pair.only_b()),
        _ => false,
    }
}

/// Another amount, or another unit at it.
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    let (a, b) = left(pair.a.quantities(), pair.b.quantities());
    let clash = |x: &Quantity, y: &Quantity| {
        let placed = pair.is_aligned(x.first, y.first);
        // "one" and "first" count only where a number stands in their place.
        let counts = placed || !(x.weak || y.weak);
        counts && (x.form == y.form || !(x.weak && y.weak))
    };
    let mut reason = None;
    for x in &a {
        for y in b.iter().filter(|y| clash(x, y)) {
            let unit = near(x.value, y.value) && x.form == y.form;
            reason = Some(if unit {
                "unit_changed"
            } else {
                "number_changed"
            });
        }
    }
    let strong = |list: &[Quantity]| list.iter().any(|q| !q.weak);
    match reason {
        Some(reason) => Finding::Different(reason),
        None if is_for_one(pair, &a, true) || is_for_one(pair, &b, false) || is_half(pair) => {
            Finding::Different("number_changed")
        }
        None if strong(&a) || strong(&b) => Finding::Unsure("number_on_one_side"),
        None if exchanged(pair) => Finding::Different("numbers_exchanged"),
        None => Finding::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn the_same_numbers_of_other_things_are_another_question() {
        different(
            "numbers",
            "How do I split 2 apples and 3 pears?",
            "How do I split 3 apples and 2 pears?",
        );
        different("numbers", "table 3 seat 5", "table 5 seat 3");
        different(
            "numbers",
            "from July 4 to August 5",
            "from July 5 to August 4",
        );
        survives(
            "What happened on July 4, 1776?",
            "What happened on 4 July 1776?",
        );
        survives("What lies between 5 and 10?", "What lies between 10 and 5?");
        survives(
            "What happened on 20 July 1969?",
            "What happened on 1969-07-20?",
        );
        survives(
            "How do I split 2 apples and 3 pears?",
            "How do I split 3 pears and 2 apples?",
        );
    }

    #[test]
    fn a_part_or_a_multiple_is_another_amount() {
        for (a, b) in [
            ("How long is a half marathon?", "How long is a marathon?"),
            (
                "How much do a dozen eggs cost?",
                "How much do half a dozen eggs cost?",
            ),
            (
                "How many calories are in a cup of rice?",
                "How many calories are in two cups of rice?",
            ),
            ("What is one third of 90?", "What is one quarter of 90?"),
            ("Who won Super Bowl XLII?", "Who won Super Bowl XLIX?"),
            ("What is on May first?", "What is on May thirty-first?"),
            ("How much is 2 bn in lakh?", "How much is 2 mn in lakh?"),
            (
                "Is it open at 2 at night?",
                "Is it open at 2 in the afternoon?",
            ),
            (
                "Did they land at one in the morning?",
                "Did they land at one in the afternoon?",
            ),
            (
                "How big is a 4 gigabit chip?",
                "How big is a 4 gigabyte chip?",
            ),
        ] {
            different("numbers", a, b);
        }
    }

    #[test]
    fn one_amount_in_two_spellings_is_one() {
        for (a, b) in [
            (
                "How many minutes are in 1.5 hours?",
                "How many minutes are in an hour and a half?",
            ),
            (
                "How much is 1.5 hours in minutes?",
                "How much is one and a half hours in minutes?",
            ),
            (
                "Can I cook it in half an hour?",
                "Can I cook it in 30 minutes?",
            ),
            ("Is 100 mph fast?", "Is 100 miles per hour fast?"),
            (
                "How do I write 1999 in Roman numerals?",
                "How do I write nineteen ninety-nine in Roman numerals?",
            ),
            ("Who won WW2?", "Who won World War II?"),
            ("What is one third of 90?", "What is a third of 90?"),
            (
                "Who has one and a half million fans?",
                "Who has 1.5 million fans?",
            ),
            ("Is it open at 2 at night?", "Is it open at 2 am?"),
            ("How many miles is 5 km?", "What is 5 km in miles?"),
            (
                "Is 9 am in London late in Sydney?",
                "Is 9 in the morning in London late in Sydney?",
            ),
            ("Is 60 km/h fast?", "Is 60 kilometres per hour fast?"),
            ("What's the 80/20 rule?", "What is the 80-20 rule?"),
            ("Is 37 °C a fever?", "Is 37 degrees Celsius a fever?"),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn another_number_is_another_question() {
        different(
            "numbers",
            "Is 5 mg of melatonin safe?",
            "Is 50 mg of melatonin safe?",
        );
        different(
            "numbers",
            "Name three uses of salt",
            "Name five uses of salt",
        );
        different("numbers", "What is 1/2 of 8?", "What is 1/4 of 8?");
        different(
            "numbers",
            "Who was the 3rd king?",
            "Who was the fourth king?",
        );
        different("numbers", "Who won World War I?", "Who won World War II?");
        different("numbers", "Wake me at 5 am", "Wake me at 5 pm");
        different(
            "numbers",
            "What is 1796024306.1 plus 2?",
            "What is 1796024306.2 plus 2?",
        );
        different(
            "numbers",
            "Is 0.00000000012 a lot?",
            "Is 0.00000000013 a lot?",
        );
    }

    #[test]
    fn another_unit_at_a_number_is_another_question() {
        different("numbers", "Is 5 mg a lot?", "Is 5 g a lot?");
        different(
            "numbers",
            "What can I buy for $10?",
            "What can I buy for €10?",
        );
    }

    #[test]
    fn one_amount_written_in_two_ways_survives() {
        for (a, b) in [
            ("Can I get 1,000 points?", "Can I get one thousand points?"),
            ("Can I get 1000 points?", "Can I get 1k points?"),
            ("What do 12 eggs cost?", "What do a dozen eggs cost?"),
            ("Is 1 km far?", "Is 1000 m far?"),
            ("A city of 1.5 million people", "A city of 1,500,000 people"),
            ("Is 5% much?", "Is five percent much?"),
            (
                "What happened on 2024-05-01?",
                "What happened on May 1, 2024?",
            ),
            ("Music of the 1990s", "Music of the nineties"),
            ("Who won World War II?", "Who won World War 2?"),
            ("Meet at 17:00", "Meet at 5 pm"),
            ("My 5-year-old son", "My five year old son"),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn words_that_only_look_like_numbers_survive() {
        survives("Which one is best for me?", "Which is best for me?");
        survives("How do I start at first?", "How do I start?");
    }

    #[test]
    fn an_amount_that_goes_by_a_name_survives() {
        for (a, b) in [
            ("How long is a 5k run?", "How long is a 5 km run?"),
            ("How do I train for a 5k?", "How do I train for a 5k run?"),
            (
                "How do I train for a 5k run?",
                "How do I train for a 5 kilometer run?",
            ),
            (
                "How long does it take to run 5 kilometers?",
                "How long does a 5k run take?",
            ),
            (
                "What is the record for a 10k run?",
                "What is the record for a 10 km run?",
            ),
            ("What happened on 9/11?", "What happened on September 11?"),
            (
                "What happened on 9/11?",
                "What happened on September 11, 2001?",
            ),
            (
                "How do I set up two-factor authentication?",
                "How do I set up 2FA?",
            ),
            (
                "How do I turn off 2FA?",
                "How do I turn off two factor authentication?",
            ),
            ("What is half of 250?", "What is 50 % of 250?"),
            ("What is half of 250?", "What is 50% of 250?"),
            ("What is half of 10?", "What is 10 divided by 2?"),
            ("What is half of 10?", "What is 1/2 of 10?"),
            (
                "Half of Americans drink coffee, why?",
                "50% of Americans drink coffee, why?",
            ),
            ("Is 9/11 a holiday?", "Is Sept 11 a holiday?"),
        ] {
            survives(a, b);
        }
        different("numbers", "How long is a 5k run?", "How long is a 10k run?");
    }
}
