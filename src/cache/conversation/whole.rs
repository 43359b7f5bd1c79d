//! Whether a turn says what it is about, whole: a definition of one thing, an attribute of a named one, or enough
//! words of its own that nothing is left open.

use super::shape::leaves_open;
use super::words::{Words, list};

/// Whether a turn says what it is about. A name alone is not enough: `How does Salt Lake City differ?`.
pub(super) fn says_whole(words: &Words<'_>) -> bool {
    !leans(words)
        && (defines(words)
            || asks_of_one(words)
            || asks_of_a_kind(words)
            || sets_apart(words)
            || attributes(words)
            || singles_out(words)
            || asks_of_nature(words)
            || tells_of_a_name(words)
            || tells_all(words))
}

/// `Einstein's objections`, `the reaction in Germany`: a noun that is of, to or against something, which is not said.
fn leans(words: &Words<'_>) -> bool {
    (0..words.len()).any(|i| {
        let to = matches!(
            words.at(i + 1),
            "of" | "to" | "for" | "against" | "about" | "with" | "between" | "around" | "towards"
        );
        list("relational").contains(&words.at(i)) && !to
    })
}

fn is_own(words: &Words<'_>, i: usize) -> bool {
    let word = words.at(i);
    let many = list("given").contains(&word) && words.is_specific(i) && !words.is_named(i);
    // `Did Spielberg direct personally?`: how something is done says nothing of what.
    let manner = word.len() > 5 && word.ends_with("ly") && !list("things").contains(&word);
    !words.tokens[i].stop
        && !manner
        && !many
        && !list("vague").contains(&word)
        && !list("tasks").contains(&word)
        && !list("loose").contains(&word)
}

/// `What is taurine?`, `Who was Anne Bonny?`, `Tell me about lung cancer.`
fn defines(words: &Words<'_>) -> bool {
    let Some(length) = list("defining")
        .iter()
        .find(|p| words.begins(p))
        .map(|p| p.split(' ').count())
    else {
        return false;
    };
    let from = length + usize::from(matches!(words.at(length), "a" | "an"));
    let things = from..words.len();
    // `Tell me about cassoulet and its origins`: what is asked of it is said with it.
    let and = things
        .clone()
        .find(|i| words.at(*i) == "and" && matches!(words.at(*i + 1), "its" | "their"));
    // `inflation in economics`.
    let field = things.end.checked_sub(2).filter(|i| words.at(*i) == "in");
    let field = field.filter(|i| list("fields").contains(&words.at(*i + 1)));
    let things = from..and.or(field).unwrap_or(things.end);
    let short = (1..=3).contains(&things.len());
    // Of a person one name is not enough.
    let person = words.at(0) == "who" && things.len() < 2;
    short && !person && things.clone().all(|i| is_own(words, i))
}

/// `How is cassoulet made?`, `Is chilli a stew?`, `What happened in the Milgram experiment?`
fn asks_of_one(words: &Words<'_>) -> bool {
    let n = words.len();
    let own = |range: std::ops::Range<usize>| {
        !range.is_empty()
            && range
                .clone()
                .all(|i| is_own(words, i) || matches!(words.at(i), "a" | "an"))
    };
    let is = matches!(words.at(0), "is" | "are");
    let kind = (2..n)
        .find(|i| matches!(words.at(*i), "a" | "an"))
        .is_some_and(|a| is && own(1..a) && own(a + 1..n));
    let made = words.begins("how is")
        && matches!(words.at(n - 1), "made" | "pronounced" | "spelled")
        && own(2..n - 1);
    // `Who invented the telephone?`
    let found = words.at(0) == "who"
        && matches!(words.at(1), "invented" | "discovered")
        && (2..n).any(|i| is_own(words, i))
        && (2..n).all(|i| is_own(words, i) || words.at(i) == "the");
    let event =
        words.begins("what happened") && matches!(words.at(3), "the") && n >= 6 && own(4..n);
    kind || made || found || event
}

/// `How do vaccines work?`, `What does a neurologist do?`, `What does GDP stand for?`, `Where is Mount Etna?`: of all
/// of a kind, or of one name.
fn asks_of_a_kind(words: &Words<'_>) -> bool {
    let n = words.len();
    let article = matches!(words.at(2), "a" | "an");
    let things = 2 + usize::from(article)..n.saturating_sub(1);
    // `How does shipping work?` is asked of one shop.
    let many = n > 1 && words.at(n - 2).ends_with('s');
    let generic = !things.is_empty()
        && (article || many)
        && things.clone().all(|i| is_own(words, i))
        && (list("kinds").contains(&words.at(n - 2)) || !is_of_elsewhere(words));
    let asked = matches!(words.at(0), "how" | "what") && matches!(words.at(1), "do" | "does");
    let place = words.begins("where is") && (3..=5).contains(&n);
    // `the acronym NATO`.
    let named = 2 + 2 * usize::from(words.at(2) == "the" && list("sayings").contains(&words.at(3)));
    let letters = words.begins("what does")
        && n == named + 3
        && words.at(named + 1) == "stand"
        && words.is_specific(named);
    let said = words.begins("what does the") && named == 4 && words.at(n - 1) == "mean";
    letters
        || said
        || asked && matches!(words.at(n - 1), "work" | "do") && generic
        || place && (2..n).all(|i| words.is_specific(i))
}

/// `the difference between a virus and a bacterium`: both are named.
fn sets_apart(words: &Words<'_>) -> bool {
    let Some(between) = words.place(&["between"]) else {
        return false;
    };
    let Some(and) = (between..words.len()).find(|i| words.at(*i) == "and") else {
        return false;
    };
    let own = |i: usize| is_own(words, i) || matches!(words.at(i), "a" | "an");
    let named = |mut range: std::ops::Range<usize>| !range.is_empty() && range.all(own);
    let differs = between > 0 && matches!(words.at(between - 1), "difference" | "differences");
    let field = (and + 2..words.len()).find(|i| words.at(*i) == "in");
    let end = field.filter(|i| i + 1 < words.len() && named(i + 1..words.len()));
    differs && named(between + 1..and) && named(and + 1..end.unwrap_or(words.len()))
}

/// `the history of Irish stew`: an attribute, and at least two words of its own that say of what.
fn attributes(words: &Words<'_>) -> bool {
    let of =
        (1..words.len()).find(|i| words.at(*i) == "of" && list("vague").contains(&words.at(i - 1)));
    let open = (0..words.len()).any(|i| is_open(words, i)) || is_of_elsewhere(words);
    let vague =
        of.is_some_and(|of| (of + 1..words.len()).filter(|i| is_own(words, *i)).count() >= 2);
    // `the capital of France`: of something that has a name.
    let named = (1..words.len()).any(|i| {
        let of_a_name = (i + 1..words.len()).any(|j| words.is_specific(j));
        words.at(i) == "of" && is_own(words, i - 1) && of_a_name
    });
    !open && (vague || named || is_of_one(words))
}

/// Whether a word leaves open what it is of, or what it is beside.
fn is_open(words: &Words<'_>, i: usize) -> bool {
    let word = words.at(i);
    let of = list("partitive").contains(&word) && matches!(words.at(i + 1), "of" | "for");
    let behind = i + 2 + usize::from(words.at(i + 2) == "the");
    let side = i > 0 && words.at(i - 1) == "side" && word == "effects";
    let closed = of && is_own(words, behind) || side;
    list("loose").contains(&word) || list("open").contains(&word) && !closed
}

/// `What is the speed of light?`: nothing but an attribute and what it is of.
fn is_of_one(words: &Words<'_>) -> bool {
    let asks = words.begins("what is the") || words.begins("what are the");
    let of = (4..words.len()).find(|i| words.at(*i) == "of");
    asks && of.is_some_and(|of| {
        let own = |mut range: std::ops::Range<usize>| range.all(|i| is_own(words, i));
        // `the boiling point of water`, but not `the main point of water`.
        let says = |i: usize| is_own(words, i) || list("partitive").contains(&words.at(i));
        let attribute = (3..of).any(says) && !list("relational").contains(&words.at(of - 1));
        let from = of + 1 + usize::from(words.at(of + 1) == "the");
        // `the speed of sound in water`.
        let within = (from + 1..words.len()).find(|i| matches!(words.at(*i), "in" | "at"));
        let end = within.filter(|i| i + 1 < words.len() && own(i + 1..words.len()));
        from < words.len() && attribute && own(from..end.unwrap_or(words.len()))
    })
}

/// `What is the largest desert in Africa?`, `Who was the first woman on the moon?`, `the chemical symbol for gold`: one of
/// all that there are.
fn singles_out(words: &Words<'_>) -> bool {
    let asks = matches!(words.at(0), "what" | "which" | "who")
        && matches!(words.at(1), "is" | "are" | "was" | "were")
        && words.at(2) == "the";
    let Some(at) = (4..words.len()).find(|i| asks && words.tokens[*i].stop) else {
        return false;
    };
    let extreme = (3..at)
        .any(|i| words.at(i) == "first" || words.at(i).len() > 5 && words.at(i).ends_with("est"));
    let where_to = at + 1 + usize::from(words.at(at + 1) == "the");
    let rest = where_to..words.len();
    let within = matches!(words.at(at), "in" | "on" | "of" | "to")
        && rest
            .clone()
            .any(|i| words.is_named(i) || list("unique").contains(&words.at(i)));
    let namer = list("namers").contains(&words.at(at - 1)) && words.at(at) == "for";
    let whole = !rest.is_empty() && rest.clone().all(|i| is_own(words, i));
    let open = is_of_elsewhere(words) || (3..at).any(|i| list("open").contains(&words.at(i)));
    !open && whole && (extreme && within && at > 4 || namer)
}

/// `Why do cats purr?`, `What do carnivorous plants eat?`: of all of a kind that is the same everywhere.
fn asks_of_nature(words: &Words<'_>) -> bool {
    let asks = matches!(words.at(0), "how" | "why" | "what") && words.at(1) == "do";
    let kind = (2..4).find(|i| list("kinds").contains(&words.at(*i)));
    let told =
        |i: usize| is_own(words, i) || words.tokens[i].stop || list("tasks").contains(&words.at(i));
    // `Why is the sky blue?`
    let at = 2 + usize::from(words.at(2) == "the");
    let sky = matches!(words.at(0), "how" | "why")
        && matches!(words.at(1), "is" | "does")
        && list("unique").contains(&words.at(at))
        && at + 1 < words.len()
        && (at + 1..words.len()).all(told);
    sky || asks
        && !is_of_elsewhere(words)
        && kind.is_some_and(|kind| {
            kind + 1 < words.len()
                && (2..kind).all(|i| is_own(words, i))
                && (kind + 1..words.len()).all(told)
        })
}

/// `When was Google founded?`, `How did Calico Jack die?`: what became of one that has a name, and no more.
fn tells_of_a_name(words: &Words<'_>) -> bool {
    let n = words.len();
    let year = words.begins("what year");
    let asks = (year || matches!(words.at(0), "when" | "where" | "how" | "why" | "by"))
        && matches!(
            words.at(1 + usize::from(year)),
            "was" | "were" | "did" | "is"
        );
    let Some(last) = n.checked_sub(1).filter(|last| asks && *last > 2) else {
        return false;
    };
    let behind = 2 + usize::from(year);
    let from = behind + usize::from(words.at(behind) == "the");
    let named = (from..last).filter(|i| words.is_named(*i)).count();
    let person = list("lives").contains(&words.at(last));
    let own = (from..last).all(|i| is_own(words, i));
    list("closed").contains(&words.at(last)) && own && named > usize::from(person)
}

/// Four words of its own, or three with a name, and none that is open without something beside it.
fn tells_all(words: &Words<'_>) -> bool {
    let own = (0..words.len()).filter(|i| is_own(words, *i)).count();
    // `Do big dogs live longer than small dogs?`: what is beside it is said.
    let compared = words.has(&["than"]) && own >= 4;
    // `How do I create a virtual environment in Python?`: the verb of a way is open to nothing but its name.
    let verb = |i: usize| words.begins("how do") && matches!(words.at(i - 1), "i" | "you");
    let open = (0..words.len()).any(|i| {
        let said = compared && list("loose").contains(&words.at(i)) || i > 0 && verb(i);
        is_open(words, i) && !said
    });
    // What is only named, and not asked about, leaves open what of it.
    let named = ["tell me", "describe", "explain", "discuss"]
        .iter()
        .any(|p| words.begins(p));
    // `How do I convert Celsius to Fahrenheit`: what is done counts where a name says to what.
    let way = ["how do i", "how can i", "how to", "how do you"]
        .iter()
        .any(|p| words.begins(p));
    // `How did Britpop change music?`: as does what a name does to something.
    let done = matches!(words.at(1), "did" | "does") && words.is_named(2);
    let tasks = (2..words.len()).filter(|i| list("tasks").contains(&words.at(*i)) && (way || done));
    // Three words are said of much that was spoken of before: `Which foods interact badly?`
    let specific =
        (2..words.len()).any(|i| words.is_named(i) || list("unique").contains(&words.at(i)));
    let enough = own >= 4 || specific && own >= 2 && own + tasks.count() >= 3;
    enough && !open && !named && !is_of_elsewhere(words) && !leaves_open(words)
}

/// `What wine goes with dinner?`, `Which airlines fly direct?`: what depends on a place or a product, none named; or what
/// a name alone does not tell: `the Paris office`.
fn is_of_elsewhere(words: &Words<'_>) -> bool {
    let any = |name: &str| (0..words.len()).any(|i| list(name).contains(&words.at(i)));
    let place = |i: usize| words.is_named(i) && !list("languages").contains(&words.at(i));
    any("within") || any("elsewhere") && !(1..words.len()).any(place)
}

#[cfg(test)]
mod tests {
    use super::super::{Standing, stands_alone};

    #[test]
    fn what_a_name_or_a_kind_makes_whole_stands_alone() {
        for whole in [
            "How do vaccines work?",
            "How does a refrigerator work?",
            "What does a neurologist do?",
            "What does GDP stand for?",
            "Where is Mount Kilimanjaro?",
            "What is the difference between a virus and a bacterium?",
            "What is the speed of light?",
            "How do I convert Celsius to Fahrenheit?",
            "When was Google founded?",
            "How did Calico Jack die?",
            "What is the boiling point of water?",
            "What are the symptoms of the flu?",
            "How many planets are in the solar system?",
            "Define entropy",
        ] {
            let standing = stands_alone(whole, &["What is music?"]);
            assert_eq!(standing, Standing::Alone, "{whole}");
        }
    }

    #[test]
    fn what_is_of_or_to_something_unsaid_does_not() {
        for (open, why) in [
            ("What is the recommended dose for adults?", "definite"),
            ("When does the train to Berlin leave?", "definite"),
            (
                "How does the second law apply to refrigerators?",
                "definite",
            ),
            ("How much does a two bedroom apartment cost?", "no_subject"),
            ("Which airlines fly direct?", "no_subject"),
            ("Does the Pro model support wireless charging?", "definite"),
            ("What secret did Tom keep from Daisy?", "no_subject"),
            ("Why did Peter betray Susan?", "no_subject"),
            ("Is the Paris office hiring junior engineers?", "no_subject"),
            ("Do most locals speak English fluently?", "no_subject"),
            ("Which foods interact badly?", "no_subject"),
            ("Where does chapter five take place in London?", "material"),
            ("How does shipping work?", "no_subject"),
            ("What is the difference between the two?", "definite"),
            ("What was the public reaction in Germany?", "no_subject"),
            ("What were Einstein's objections?", "no_subject"),
            ("Explain line 10", "material"),
            ("Please add tests for edge cases", "material"),
            ("How far is the airport from downtown?", "definite"),
            ("Which German cars need cheaper winter tyres?", "comparison"),
            ("Are pregnant women affected differently?", "comparison"),
        ] {
            let standing = stands_alone(open, &["What is music?"]);
            assert_eq!(standing, Standing::Needs(why), "{open}");
        }
    }
}
