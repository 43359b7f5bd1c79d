"""Edits after which the same answer serves: each takes a source of chance and a text, and gives another text or None."""

import re

from . import words
from .words import lower_first, sub_one, upper_first

KEYS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk", "k": "jl",
    "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb",
    "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
CONTRACTIONS = [
    ("what is", "what's"), ("what are", "what're"), ("who is", "who's"), ("where is", "where's"), ("how is", "how's"),
    ("that is", "that's"), ("it is", "it's"), ("I am", "I'm"), ("I have", "I've"), ("I would", "I'd"), ("I will", "I'll"),
    ("do not", "don't"), ("does not", "doesn't"), ("did not", "didn't"), ("is not", "isn't"), ("are not", "aren't"),
    ("was not", "wasn't"), ("can not", "can't"), ("cannot", "can't"), ("could not", "couldn't"), ("will not", "won't"),
    ("would not", "wouldn't"), ("should not", "shouldn't"), ("has not", "hasn't"), ("have not", "haven't"),
    ("you are", "you're"), ("we are", "we're"), ("they are", "they're"), ("let us", "let's"), ("there is", "there's"),
]  # fmt: skip
# A question in other words, by its form. `\1` and so on stand for its parts.
FORMS = [
    (r"^what(?: is|'s) (.+)\?$", [r"what's \1?", r"tell me what \1 is", r"can you tell me what \1 is?", r"do you know what \1 is?", r"what exactly is \1?", r"I want to know what \1 is."]),
    (r"^what are (.+)\?$", [r"tell me what \1 are", r"can you tell me what \1 are?", r"which are \1?", r"what exactly are \1?"]),
    (r"^what are (the .+)\?$", [r"name \1.", r"list \1", r"give me \1."]),
    (r"^who (is|was) (.+)\?$", [r"tell me who \2 \1.", r"do you know who \2 \1?", r"can you tell me who \2 \1?"]),
    (r"^where (is|are|was|were) (.+)\?$", [r"tell me where \2 \1.", r"can you tell me where \2 \1?", r"do you happen to know where \2 \1?"]),
    (r"^when (is|was|were|are) (.+)\?$", [r"tell me when \2 \1", r"can you tell me when \2 \1?", r"on what date \1 \2?"]),
    (r"^how (?:do|can|could|would|should) (?:i|you|we|one) (.+)\?$", [r"how can I \1?", r"how to \1?", r"how do you \1?", r"what's the way to \1?", r"what do I have to do to \1?", r"I want to \1. How do I do that?", r"how would one \1?", r"can you tell me how to \1?", r"please explain how to \1.", r"is there a way to \1? how?", r"need to know how to \1", r"how does one \1?"]),
    (r"^(?:what is|what's) the best way to (.+)\?$", [r"how do I best \1?", r"how should I \1?", r"what would be the best way to \1?", r"best way to \1"]),
    (r"^how to (.+?)\??$", [r"how do I \1?", r"how can I \1?", r"what is the way to \1?", r"how does one \1?"]),
    (r"^why (do|does|did|is|are|was|were|can|can't|don't|doesn't) (.+)\?$", [r"how come \2? I mean, why \1 \2?", r"for what reason \1 \2?", r"what's the reason: why \1 \2?", r"explain: why \1 \2?"]),
    (r"^can (?:i|you|we) (.+)\?$", [r"is it possible to \1?", r"is there any way I can \1?", r"may one \1, is that possible?", r"would it be possible for me to \1?"]),
    (r"^is it possible to (.+)\?$", [r"can I \1?", r"can you \1?", r"is there a way to \1?"]),
    (r"^should i (.+)\?$", [r"is it a good idea to \1?", r"would you recommend that I \1?", r"do you think I should \1?"]),
    (r"^how much does (.+) cost\?$", [r"what does \1 cost?", r"what's the price of \1?", r"\1 price", r"how expensive is \1?"]),
    (r"^how old is (.+)\?$", [r"what is the age of \1?", r"\1 age"]),
    (r"^how (tall|high) is (.+)\?$", [r"what is the height of \2?", r"\2 height"]),
    (r"^how many (.+) are there in (.+)\?$", [r"what is the number of \1 in \2?", r"number of \1 in \2", r"in \2, how many \1 are there?"]),
    (r"^how long does it take to (.+)\?$", [r"how much time does it take to \1?", r"what time is needed to \1?", r"time needed to \1?"]),
    (r"^(?:what is|what's) the (?:meaning|definition) of (.+)\?$", [r"what does \1 mean?", r"define \1", r"\1 meaning"]),
    (r"^what does (.+) mean\?$", [r"what is the meaning of \1?", r"\1 meaning?", r"what's meant by \1?", r"define \1."]),
    (r"^(?:what is|what's) the difference between (.+?) and (.+)\?$", [r"how do \1 and \2 differ?", r"what's the difference between \2 and \1?", r"\1 vs \2: what is the difference?", r"how is \1 different from \2?", r"difference between \2 and \1"]),
    (r"^which (.+)\?$", [r"what \1?"]),
    (r"^are there any (.+)\?$", [r"do any \1 exist?", r"is there any such thing as \1?", r"I am looking for \1. Are there any?"]),
    (r"^does anyone know (.+)\?$", [r"do you know \1?", r"can somebody tell me \1?"]),
    (r"^(give|show|tell|write|explain|describe|list|create|make|find) (.+?)[.!]?$", [r"please \1 \2.", r"can you \1 \2?", r"could you \1 \2?", r"I'd like you to \1 \2.", r"I need you to \1 \2", r"\1 \2, please."]),
]  # fmt: skip
ARTICLES = re.compile(r"\b(?:the|a|an)\b ", re.IGNORECASE)
PLACED = re.compile(r"^(.+?) (in|on|for|with|at|using|during) ((?:the |my |a )?[\w+#.'-]+(?: [\w+#.'-]+){0,2})\?$", re.IGNORECASE)
# Words that a typo would make another word of, or that must stay what they are.
KEPT = {"not", "never", "without", "before", "after", "more", "less", "most", "least"}


def typo(chance, text):
    """One letter wrong in one plain word."""
    found = [m for m in re.finditer(r"\b[a-z]{5,}\b", text) if m.group() not in KEPT]
    if not found:
        return None
    match = chance.choice(found)
    word, at = match.group(), chance.randrange(1, len(match.group()) - 1)
    kind = chance.randrange(4)
    made = [
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + chance.choice(KEYS[word[at]]) + word[at + 1 :],
    ][kind]
    return None if made == word else text[: match.start()] + made + text[match.end() :]


def casing(chance, text):
    """Another use of capitals, or another mark at the end."""
    kind = chance.randrange(6)
    bare = text.rstrip("?.! ")
    return [text.lower(), bare, bare.lower(), text + "?", bare + " ?", text.upper() if len(text) < 60 else text.lower()][kind]


def contraction(chance, text):
    """`what is` and `what's`, one way or the other."""
    pairs = CONTRACTIONS + [(short, long) for long, short in CONTRACTIONS]
    fit = [(a, b) for a, b in pairs if re.search(rf"\b{re.escape(a)}\b", text, re.IGNORECASE)]
    if not fit:
        return None
    a, b = chance.choice(fit)
    return re.sub(rf"\b{re.escape(a)}\b", lambda m: words.like(m.group().split()[0], b), text, count=1, flags=re.IGNORECASE)


def synonym(chance, text):
    return words.exchange(chance, text, "synonyms")


def spelling(chance, text):
    return words.exchange(chance, text, "spellings")


def abbreviation(chance, text):
    return words.exchange(chance, text, "abbreviations")


def polite(chance, text):
    opening = chance.choice(words.groups("openings"))[0]
    if chance.random() < 0.3:
        return text + chance.choice(words.groups("closings"))[0]
    return opening + (lower_first(text) if opening.rstrip().endswith((",", "-")) else text)


def preamble(chance, text):
    return chance.choice(words.groups("preambles"))[0].rstrip() + " " + text


def form(chance, text):
    """The same question in another form."""
    fit = [(re.fullmatch(regex, text, re.IGNORECASE), outs) for regex, outs in FORMS]
    fit = [(match, outs) for match, outs in fit if match]
    if not fit:
        return None
    match, outs = chance.choice(fit)
    made = match.expand(chance.choice(outs))
    return upper_first(made) if chance.random() < 0.7 else made


def order(chance, text):
    """What stands at the end comes first."""
    match = PLACED.match(text)
    if not match:
        return None
    rest, link, thing = match.groups()
    lead = f"{link} {thing}"
    return f"{upper_first(lead)}, {lower_first(rest)}?" if chance.random() < 0.7 else f"{upper_first(thing)}: {lower_first(rest)}?"


def telegram(chance, text):
    """Without articles, and often without the verb's help: as people type into a search box."""
    made = ARTICLES.sub("", text)
    if chance.random() < 0.6:
        made = re.sub(r"^(?:what (?:is|are)|what's|how (?:do|can) (?:i|you|we)|who is|where is) ", lambda m: "how to " if m.group().lower().startswith("how") else "", made, flags=re.IGNORECASE)
    made = made.rstrip("?. ")
    made = made.lower() if chance.random() < 0.6 else made
    return made if len(made.split()) > 1 and made != text else None


def possessive(chance, text):
    """`the age of X` and `X's age`."""
    one = sub_one(chance, text, r"\bthe (\w+) of ([A-Z][\w]+)\b(?! [A-Z])", lambda m: f"{m[2]}'s {m[1]}")
    return one or sub_one(chance, text, r"(?<![\w.])([A-Z]\w+)'s (\w+)(?=[ ?.])", lambda m: f"the {m[2]} of {m[1]}")


def numeral(chance, text):
    """A number spelled otherwise."""
    def other(match):
        digits = match.group().replace(",", "")
        if "," in match.group():
            return digits
        if len(digits) >= 5:
            return f"{int(digits):,}"
        return words.spelled(int(digits)) if 1 < int(digits) < 100 and not digits.startswith("0") else None

    def digits(match):
        return str(words.NUMBERS.index(match.group().lower()))

    number = sub_one(chance, text, r"(?<![\w.,:/$€£-])\d[\d,]*(?![\w.:/%-]|,\d)", other)
    word = sub_one(chance, text, r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b", digits)
    percent = sub_one(chance, text, r"(?<=\d)(?:%| percent\b)", lambda m: " percent" if m.group() == "%" else "%")
    money = sub_one(chance, text, r"\$(\d[\d,]*)\b(?![.\d]| (?:million|billion))", lambda m: f"{m[1]} dollars")
    found = [made for made in (number, word, percent, money) if made]
    return chance.choice(found) if found else None


MONTHS = "January February March April May June July August September October November December".split()


def date(chance, text):
    """A day in another notation."""
    def other(match):
        month = next((m for m in MONTHS if m.lower().startswith(match["month"].lower()[:3])), None)
        day = int(match["day"])
        if not month or not 1 <= day <= 31:
            return None
        year = match["year"]
        forms = [f"{month} {day}", f"{day} {month}", f"{month[:3]} {day}", f"{day} {month[:3]}"]
        tail = f" {year}" if year else ""
        return chance.choice(forms) + tail

    names = "|".join(MONTHS + [m[:3] for m in MONTHS])
    regex = rf"\b(?P<month>{names})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?\b"
    return sub_one(chance, text, regex, other)


def filler(chance, text):
    """A word that changes nothing."""
    word = chance.choice(["actually", "exactly", "really", "basically", "currently" if " now" in text else "actually"])
    return sub_one(chance, text, r"(?i)^(?:what|who|where|when|why|how)(?: (?:is|are|was|do|does|did|can|to))?\b", lambda m: f"{m.group()} {word}" if " " in m.group() and not m.group().endswith(" to") else f"{m.group()} {word}")


def corrected(chance, text):
    """Somebody says a wrong word first, and mends it: the last wording counts."""
    wrong = words.exchange(chance, text, "siblings")
    if not wrong:
        return None
    mend = chance.choice(["no wait", "sorry, I mean", "no sorry", "er no", "I mean", "oops,", "or rather", "no, scratch that,"])
    if chance.random() < 0.5:
        return f"{wrong.rstrip('?. ')} {mend} {lower_first(text)}"
    one, two = wrong.split(), text.split()
    at = next((i for i, (x, y) in enumerate(zip(one, two)) if x != y), None)
    if at is None:
        return None
    back = next((i for i, (x, y) in enumerate(zip(reversed(one), reversed(two))) if x != y), 0)
    said, meant = one[at : len(one) - back], two[at : len(two) - back]
    if not said or not meant:
        return None
    return " ".join(two[:at] + [said[0].rstrip("?.,")] + [w.rstrip("?.,") for w in said[1:]] + [mend] + two[at:])


# How often each is tried.
ALL = [
    (typo, 3), (casing, 3), (contraction, 2), (synonym, 6), (spelling, 1), (abbreviation, 3), (polite, 3), (preamble, 1),
    (form, 8), (order, 3), (telegram, 2), (possessive, 1), (numeral, 3), (date, 1), (filler, 1), (corrected, 2),
]  # fmt: skip


def drawn(chance):
    """One of the edits, the usual ones more often."""
    edits, often = zip(*ALL)
    return chance.choices(edits, often)[0]


def reworded(chance, text, times):
    """`text` after so many edits, or None if none of them fits."""
    made, done = text, 0
    for _ in range(times * 6):
        new = drawn(chance)(chance, made)
        if new and new != made:
            made, done = new, done + 1
            if done == times:
                break
    return made if done and made != text else None
