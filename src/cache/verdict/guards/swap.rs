//! What changed places between two texts of the same words: two things around a middle, three things in turn, a word
//! that says how many. Part of the guard of order. Knows nothing of what stands between them.

use super::compound::OWNERS;
use super::lexicon::Family;
use super::pair::Pair;
use super::reading::{Mark, Reading};
use super::relation::{is_compared, is_even};
use super::subject::HELPING;
use super::token::Token;

/// The same word before and behind its verb, and verbs before one and before many.
const CASES: [[&str; 2]; 7] = [
    ["i", "me"],
    ["we", "us"],
    ["he", "him"],
    ["she", "her"],
    ["they", "them"],
    ["do", "does"],
    ["am", "is"],
];
/// Longest thing that is exchanged, in words.
const THING: usize = 6;

/// Whether two words are one, but for what their place makes of them: `I`, `me`.
pub(super) fn same(a: &Token, b: &Token) -> bool {
    let either = |words: [&str; 2]| a.is_of(&words) && b.is_of(&words);
    a.key == b.key || CASES.into_iter().any(either)
}

fn equal(a: &[Token], b: &[Token]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same(x, y))
}

/// Where `M` and `S` begin and end where the texts are `P X M Y S` and `P Y M X S`.
pub(super) struct Exchange {
    pub(super) first: usize,
    pub(super) middle: std::ops::Range<usize>,
    pub(super) after: usize,
}

/// What changed places, if that is all that did.
pub(super) fn exchanged(a: &[Token], b: &[Token]) -> Option<Exchange> {
    if a.len() != b.len() || a.len() > 80 {
        return None;
    }
    let head = a.iter().zip(b).take_while(|(x, y)| same(x, y)).count();
    let tail = a.iter().rev().zip(b.iter().rev());
    let tail = tail.take_while(|(x, y)| same(x, y)).count();
    // A word both things share ("New York", "New Delhi") belongs to them and not to what is around.
    for back in 0..=1.min(head) {
        for fore in 0..=1.min(tail) {
            let (from, to) = (head - back, a.len().checked_sub(tail - fore)?);
            if from >= to {
                continue;
            }
            let (a, b) = (&a[from..to], &b[from..to]);
            for x in 1..=THING.min(a.len() - 1) {
                for y in 1..=THING.min(a.len() - x) {
                    let n = a.len();
                    let fits = equal(&a[..x], &b[n - x..])
                        && equal(&a[n - y..], &b[..y])
                        && equal(&a[x..n - y], &b[y..n - x]);
                    if fits && n > x + y {
                        return Some(Exchange {
                            first: from,
                            middle: from + x..to - y,
                            after: to,
                        });
                    }
                }
            }
        }
    }
    None
}

/// `Are all cats mammals?`, `Are all mammals cats?`: two things side by side, of which one is said of the other.
pub(super) fn is_inverted(a: &[Token], b: &[Token]) -> bool {
    if a.len() != b.len()
        || !a
            .first()
            .is_some_and(|t| t.is_of(&["is", "are", "was", "were"]))
    {
        return false;
    }
    let counted = a.get(1).is_some_and(|t| t.is_of(&["all", "every", "most"]));
    let head = 1 + usize::from(counted);
    let (Some(x), Some(y)) = (a.get(head..), b.get(head..)) else {
        return false;
    };
    // "Are dogs friendly?": what is said of many is of the same sort only where it is many too.
    let kinds = || x.iter().all(|t| !t.stop);
    let turned = |n: usize| {
        // "Are cookies biscuits?" asks of one thing by two names.
        let named = x.len() == 2 && x[0].meaning == x[1].meaning;
        let many = counted || [&x[n - 1], &x[x.len() - 1]].into_iter().all(is_plural) && kinds();
        many && !named && equal(&x[..n], &y[y.len() - n..]) && equal(&x[n..], &y[..y.len() - n])
    };
    equal(&a[..head], &b[..head]) && (1..x.len()).any(turned)
}

/// Whether a word looks like many.
pub(super) fn is_plural(token: &Token) -> bool {
    const IRREGULAR: [&str; 8] = [
        "men", "women", "children", "people", "mice", "fish", "sheep", "bacteria",
    ];
    let ending = token.lower.ends_with('s') && !token.lower.ends_with("ss");
    ending || token.is_of(&IRREGULAR)
}

/// The places of the words of a text but for articles, which say nothing of order.
pub(super) fn bare(tokens: &[Token]) -> Vec<usize> {
    let words = (0..tokens.len()).filter(|i| !tokens[*i].is_of(&["a", "an", "the"]));
    words.collect()
}

/// `Do all cats like dogs?`, `Do cats like all dogs?`: one word that says how many, before another thing.
pub(super) fn is_requantified(pair: &Pair<'_>) -> bool {
    if pair.places() == 0 || pair.strays() != (0, 0) {
        return false;
    }
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    if a.len() != b.len() {
        return false;
    }
    ["all", "only"].into_iter().any(|word| {
        let place = |of: &[Token]| of.iter().position(|t| t.is(word));
        let (Some(i), Some(j)) = (place(a), place(b)) else {
            return false;
        };
        let (first, (i, other, j)) = if i < j {
            (a, (i, b, j))
        } else {
            (b, (j, a, i))
        };
        let begins = |t: &Token| is_plural(t) || t.is("the") || t.is_of(&OWNERS);
        let thing = |t: Option<&Token>| t.is_some_and(begins);
        let told = match word {
            "all" => thing(other.get(j + 1)),
            _ => i == 0 || first[i - 1].is_of(&HELPING),
        };
        // "The cats are all black", "members only": it may stand behind its thing.
        let small = |t: &&Token| t.is("the") || t.is_of(&OWNERS);
        i < j
            && told
            && thing(first.get(i + 1))
            && other[i..j].iter().filter(|t| !small(t)).count() > 1
            && equal(&first[i + 1..=j], &other[i..j])
            && equal(&first[..i], &other[..i])
            && equal(&first[j + 1..], &other[j + 1..])
    })
}

/// `Can Anna introduce Bob to Carl?`, `Can Bob introduce Carl to Anna?`: three things or more in each other's places, and
/// everything else in its own.
pub(super) fn is_permuted(pair: &Pair<'_>) -> bool {
    if pair.places() < 2 || pair.strays() != (0, 0) {
        return false;
    }
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let (x, y) = (bare(a), bare(b));
    if x.len() != y.len() || is_compared(a) {
        return false;
    }
    let moved = |i: &usize| !same(&a[x[*i]], &b[y[*i]]);
    let mut places = (0..x.len()).filter(moved);
    let (Some(first), Some(last)) = (places.next(), places.next_back()) else {
        return false;
    };
    let things = |i: usize| !a[x[i]].stop && !b[y[i]].stop;
    let links = |t: &Token| !t.stop || t.is_of(&["to", "from", "for", "by"]);
    places.next().is_some()
        && (first..=last).all(|i| !moved(&i) || things(i))
        && (first..=last).any(|i| !moved(&i) && links(&a[x[i]]))
}

/// `Can a Canadian work in the US?`, `Can an American work in Canada?`: two names in whatever form.
pub(super) fn names_turned(pair: &Pair<'_>) -> bool {
    let (Some([a, b]), Some([c, d])) = (two_names(pair.a), two_names(pair.b)) else {
        return false;
    };
    let is = |x: &Mark, y: &Mark| x.sense.member == y.sense.member;
    let between = |x: &Mark, y: &Mark| x.first + x.count..y.first;
    let rest = |of: &[Token], x: &Mark, y: &Mark| -> Vec<(usize, u64)> {
        let part = |i: usize| usize::from(i > x.first) + usize::from(i > y.first);
        let inside = |m: &Mark, i: usize| (m.first..m.first + m.count).contains(&i);
        let words = bare(of).into_iter();
        let words = words.filter(|i| !inside(x, *i) && !inside(y, *i));
        words.map(|i| (part(i), of[i].key)).collect()
    };
    let exchange = Exchange {
        first: a.first,
        middle: between(a, b),
        after: b.first + b.count,
    };
    is(a, d)
        && is(b, c)
        && !is(a, b)
        && !exchange.middle.is_empty()
        && rest(pair.a.tokens(), a, b) == rest(pair.b.tokens(), c, d)
        && !is_even(&exchange, pair.a.tokens())
}

/// The listed names of a text, where there are two.
fn two_names(reading: &Reading) -> Option<[&Mark; 2]> {
    let mut names = reading.marks(Family::Name);
    let first = names.next()?;
    let mut others = names.filter(|mark| mark.first != first.first);
    let second = others.next()?;
    let more = others.any(|mark| mark.first != second.first);
    (!more).then_some([first, second])
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn all_and_only_belong_to_the_thing_behind_them() {
        for (a, b) in [
            ("Do all cats like dogs?", "Do cats like all dogs?"),
            (
                "Can all students see teachers?",
                "Can students see all teachers?",
            ),
            ("Do only cats eat mice?", "Do cats eat only mice?"),
        ] {
            different("direction", a, b);
            different("direction", b, a);
        }
        for (a, b) in [
            ("Do cats only eat meat?", "Do cats eat only meat?"),
            ("Are only adults allowed?", "Are adults only allowed?"),
            (
                "Do the students all see teachers?",
                "Do all the students see teachers?",
            ),
            ("How can I sleep all night?", "How can I all night sleep?"),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn words_that_may_stand_elsewhere_survive() {
        for (a, b) in [
            ("Can I eat salmon raw?", "Can I eat raw salmon?"),
            (
                "How do I sort files quickly?",
                "How do I quickly sort files?",
            ),
            (
                "In Java, how do I sort a list?",
                "How do I sort a list in Java?",
            ),
            (
                "How tall is the Eiffel Tower?",
                "The Eiffel Tower is how tall?",
            ),
            (
                "What is the weather tomorrow in Oslo?",
                "What is the weather in Oslo tomorrow?",
            ),
            ("how much is a ticket oslo", "how much is a oslo ticket"),
            ("milk chocolate recipe", "chocolate recipe milk"),
            ("When does school start?", "When school starts?"),
            (
                "Is the capital of France Paris?",
                "Is Paris the capital of France?",
            ),
            (
                "How do I drink coffee black?",
                "How do I drink black coffee?",
            ),
            ("Is Anna Tom's partner?", "Is Tom Anna's partner?"),
        ] {
            survives(a, b);
        }
    }

    #[test]
    fn what_is_a_sort_of_the_other_is_not_turned_around() {
        for (a, b) in [
            ("Are squares rectangles?", "Are rectangles squares?"),
            ("Are Muslims Arabs?", "Are Arabs Muslims?"),
            ("Are green beans vegetables?", "Are vegetables green beans?"),
            ("Are most cats pets?", "Are most pets cats?"),
        ] {
            different("direction", a, b);
        }
        survives(
            "Are tigers and lions related?",
            "Are lions and tigers related?",
        );
        survives("Are dogs friendly?", "Are friendly dogs?");
    }

    #[test]
    fn three_things_in_each_others_places_are_another_question() {
        for (a, b) in [
            (
                "Can Anna introduce Bob to Carl?",
                "Can Bob introduce Carl to Anna?",
            ),
            (
                "Does Alice owe Bob what Carol owes Dave?",
                "Does Bob owe Alice what Dave owes Carol?",
            ),
            (
                "Can a US citizen work in Canada?",
                "Can a Canadian citizen work in the US?",
            ),
            (
                "Can Canadians work in the US?",
                "Can Americans work in Canada?",
            ),
        ] {
            different("direction", a, b);
        }
        for (a, b) in [
            (
                "Which is best for a cake: butter, oil or lard?",
                "Which is best for a cake: oil, lard or butter?",
            ),
            (
                "How do I compare apples to pears and plums?",
                "How do I compare pears to plums and apples?",
            ),
            (
                "What do Canadians and Americans share?",
                "What do Americans and Canadians share?",
            ),
        ] {
            survives(a, b);
        }
    }
}
