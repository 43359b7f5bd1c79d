//! What a single English word is reduced to before two are compared: spelling,
//! number, tense and a few plain synonyms. Knows nothing of sentences.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lexicon::Keys;

/// Irregular and British forms, the word they stand for first on each line.
const FORMS: &str = include_str!("lists/forms.txt");
/// Words that may replace each other in a question.
const SAME: &str = include_str!("lists/same.txt");
/// Words that carry no subject.
const STOP: &str = include_str!("lists/stop.txt");

static IRREGULAR: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let lines = FORMS.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(|line| {
            let mut words = line.split_whitespace();
            let base = words.next().unwrap_or("");
            words.map(move |word| (word, base))
        })
        .collect()
});

static SYNONYMS: LazyLock<Keys<u64>> = LazyLock::new(|| {
    let mut known = Keys::default();
    for line in SAME.lines().filter(|line| !line.starts_with('#')) {
        let mut keys = line.split_whitespace().map(|word| hash(&stem(word)));
        let Some(first) = keys.next() else { continue };
        for key in keys {
            known.entry(key).or_insert(first);
        }
    }
    known
});

static STOPPED: LazyLock<Keys<()>> = LazyLock::new(|| {
    let lines = STOP.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(str::split_whitespace)
        .map(|word| (hash(word), ()))
        .collect()
});

/// FNV-1a: short words, no adversary, and the same in each process.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The key under which a stem and its synonyms are the same.
pub(super) fn meaning(stem_key: u64) -> u64 {
    SYNONYMS.get(&stem_key).copied().unwrap_or(stem_key)
}

/// Whether a lower-case word carries no subject.
pub(super) fn is_stop(lower: &str) -> bool {
    STOPPED.contains_key(&hash(lower))
}

/// The light stem of a lower-case word: the same for its plural, its tenses and
/// its British spelling. It is a key, not always a word.
pub(super) fn stem(lower: &str) -> String {
    let base = IRREGULAR.get(lower).copied().unwrap_or(lower);
    if base.len() <= 3 || !base.is_ascii() {
        return base.to_owned();
    }
    let mut word = base.to_owned();
    strip_ending(&mut word);
    respell(&mut word);
    word
}

fn has_vowel(word: &str) -> bool {
    word.bytes().any(|b| b"aeiouy".contains(&b))
}

/// Takes off plural, `-ing` and `-ed`.
fn strip_ending(word: &mut String) {
    let bytes = word.as_bytes();
    let n = word.len();
    if word.ends_with("ies") || word.ends_with("ied") {
        word.truncate(n - 2);
        return;
    }
    if word.ends_with("es") && n > 4 && b"sxzh".contains(&bytes[n - 3]) {
        word.truncate(n - 2);
    } else if bytes[n - 1] == b's' && !b"sui".contains(&bytes[n - 2]) {
        word.truncate(n - 1);
    }
    let n = word.len();
    if word.ends_with("ing") && n >= 6 && has_vowel(&word[..n - 3]) {
        word.truncate(n - 3);
    } else if word.ends_with("ed") && !word.ends_with("eed") && n >= 5 && has_vowel(&word[..n - 2])
    {
        word.truncate(n - 2);
    }
}

/// Brings British and American spelling together and evens out what endings leave behind.
fn respell(word: &mut String) {
    if word.len() > 5 && word.contains("isation") {
        *word = word.replacen("isation", "ization", 1);
    }
    for (from, to) in [("ise", "iz"), ("yse", "yz"), ("our", "or"), ("ogue", "og")] {
        if word.len() > 5 && word.ends_with(from) {
            word.truncate(word.len() - from.len());
            word.push_str(to);
        }
    }
    if word.len() > 5 && (word.ends_with("is") || word.ends_with("ys")) {
        word.pop();
        word.push('z');
    }
    if word.len() > 3 && word.ends_with('e') {
        word.pop();
    }
    let bytes = word.as_bytes();
    let n = bytes.len();
    if n > 3 && bytes[n - 1] == bytes[n - 2] && !b"aeiou".contains(&bytes[n - 1]) {
        word.pop();
    }
    if word.len() > 3 && word.ends_with('y') {
        word.pop();
        word.push('i');
    }
}

/// Whether two words are so near that one is probably the other, mistyped: at
/// most `most` letters added, left out, replaced, or two neighbours exchanged.
pub(super) fn within(a: &str, b: &str, most: usize) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most || a.len().max(b.len()) > 40 {
        return false;
    }
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + other);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row[j] = least;
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()] <= most
}

/// Whether two lower-case words look like one word and its typing error.
pub(super) fn mistyped(a: &str, b: &str) -> bool {
    let shorter = a.chars().count().min(b.chars().count());
    let most = match shorter {
        0..=3 => return false,
        4..=7 => 1,
        _ => 2,
    };
    let mut heads = (a.chars(), b.chars());
    let first = (heads.0.next(), heads.1.next());
    let second = (heads.0.next(), heads.1.next());
    let exchanged = first.0 == second.1 && first.1 == second.0;
    (first.0 == first.1 || exchanged) && within(a, b, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for group in [
            &["make", "makes", "making", "made"][..],
            &["run", "running", "ran", "runs"],
            &["carry", "carries", "carried", "carrying"],
            &["organise", "organize", "organising", "organized"],
            &["colour", "color", "colours"],
            &["cancelled", "canceled", "cancel"],
            &["box", "boxes"],
            &["child", "children"],
            &["analyse", "analyze", "analysing"],
        ] {
            let first = stem(group[0]);
            for word in group {
                assert_eq!(stem(word), first, "{word}");
            }
        }
    }

    #[test]
    fn other_words_keep_other_stems() {
        assert_ne!(stem("string"), stem("str"));
        assert_ne!(stem("need"), stem("new"));
        assert_ne!(stem("increase"), stem("decrease"));
    }

    #[test]
    fn a_typing_error_is_near_and_another_word_is_not() {
        assert!(mistyped("recieve", "receive"));
        assert!(mistyped("photosyntesis", "photosynthesis"));
        assert!(!mistyped("cat", "car"));
        assert!(!mistyped("enable", "disable"));
    }
}
