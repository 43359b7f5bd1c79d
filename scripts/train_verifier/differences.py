"""Edits after which another answer is due: each takes a source of chance and a text, and gives another text or None."""

import re

from . import words
from .rewordings import MONTHS
from .words import sub_one

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
UNITS = [
    "mm cm m km inch inches feet yards miles".split(),
    "millimeters centimeters meters kilometers".split(),
    "mg grams kg pounds ounces tons stones".split(),
    "ml liters gallons pints cups teaspoons tablespoons".split(),
    "seconds minutes hours days weeks months years decades".split(),
    "second minute hour day week month year decade century".split(),
    "KB MB GB TB".split(),
    "Celsius Fahrenheit Kelvin".split(),
    "dollars euros pounds yen rupees pesos francs".split(),
    "USD EUR GBP JPY INR CAD AUD CHF".split(),
    "volts watts amps ohms joules".split(),
    "km/h mph knots".split(),
    "daily weekly monthly yearly hourly".split(),
]
SWAPS = [
    # modality, tense, person
    "can should must may might".split(), "is was".split(), "are were".split(), "do did will".split(), "does did will".split(),
    "can|should|do I have to".split("|"),
    # quantity and scope
    "all some most no".split(), "every no".split(), "always never sometimes usually".split(), "only also".split(),
    "first second third last".split(), "both neither either".split(), "at least|at most|exactly|more than|less than".split("|"),
    "best worst most\xa0common".split(), "biggest smallest".split(), "highest lowest average".split(), "largest smallest".split(),
    "more less".split(), "cheapest fastest easiest safest".split(), "better worse".split(),
    # place and direction
    "before after during since until".split(), "above below".split(), "inside outside".split(), "from to".split(),
    "with without".split(), "into out\xa0of".split(), "left right".split(), "next last".split(), "north south east west".split(),
    # who
    "his her".split(), "he she".split(), "my your".split(), "men women".split(), "man woman child".split(), "boys girls".split(),
    "boyfriend girlfriend husband wife".split(), "father mother brother sister".split(), "mom dad".split(), "son daughter".split(),
    # form of what is asked for
    "JSON XML CSV YAML".split(), "table list paragraph".split(), "poem story song essay".split(), "example definition".split(),
    "summary translation".split(), "advantages disadvantages".split(), "pros cons".split(), "causes effects".split(),
    "symptoms causes treatments".split(), "cost benefits risks".split(), "meaning origin".split(), "history future".split(),
    "French Spanish German Italian Hindi Chinese Japanese".split(), "birthday birthplace".split(), "born die".split(),
    "height weight age".split(), "name address phone\xa0number".split(), "mean median mode".split(),
]  # fmt: skip
SUBJECT = r"(?:I|you|we|they|he|she|it|one|people|someone|this|that|there|(?:the|my|your|a|an|this|these|those|his|her|our) [\w'-]+|[A-Z]\w+|[a-z]+s)"
NOT_AFTER = [
    rf"\b(?:why|how come|when|what happens if|what if|if|because|that|who|people who|someone who) (?:(?:do|does|did|is|are|was|were|can|could|should|would|will|has|have|had) )?{SUBJECT} (?=[a-z])",
    rf"^(?:should|may|can|could|must|is|are|do|does|did|will|would) {SUBJECT} (?=[a-z])",
    r"\b(?:who|which|that) (?:is|are|was|were|can|could|should|would|will|has|have|do|does|did) (?=[a-z])",
    r"\b(?:better|good|bad|okay|ok|safe|legal|illegal|wrong|possible|necessary|important|healthy|normal|rude|wise|dangerous|hard|easy) (?=to [a-z])",
]
WH = "how why when where who what".split()
TAIL = re.compile(r"[?.! ]*$")


def number(chance, text):
    """Another number, near or far, digits or words."""
    def other(match):
        said = match.group().replace(",", "")
        value = int(said)
        if 1900 <= value <= 2030:
            made = value + chance.choice([-10, -3, -2, -1, 1, 2, 3, 10])
        else:
            near = [value + 1, value - 1, value + 2, value * 2, value // 2, value * 10, value + 5, value - 5, value + 10]
            made = chance.choice([n for n in near if n > 0 and n != value] or [value + 1])
        return f"{made:,}" if "," in match.group() else str(made)

    def word(match):
        at = words.NUMBERS.index(match.group().lower())
        made = chance.choice([n for n in range(max(2, at - 3), min(20, at + 4)) if n != at])
        return words.like(match.group(), words.NUMBERS[made]) if chance.random() < 0.7 else str(made)

    digits = sub_one(chance, text, r"(?<![\w.,])\d[\d,]*\d(?![\w]|\.\d)|(?<![\w.,])\d(?![\w]|\.\d)", other)
    named = sub_one(chance, text, r"\b(?:" + "|".join(words.NUMBERS[2:]) + r")\b", word)
    return digits or named


def version(chance, text):
    """Another version or model number."""
    def other(match):
        parts = re.split(r"(\d+)", match.group())
        at = chance.choice([i for i, part in enumerate(parts) if part.isdigit()])
        parts[at] = str(max(0, int(parts[at]) + chance.choice([-2, -1, 1, 2, 3])))
        return "".join(parts)

    return sub_one(chance, text, r"\b\d+\.\d+(?:\.\d+)?\b|\b[A-Za-z]+-?\d+\b|\bv\d+\b", other)


def listed(chance, text, lists):
    """Another member of one of the lists, where one stands in the text."""
    found = []
    for group in lists:
        for name in group:
            plain = name.replace("\xa0", " ")
            for match in re.finditer(rf"(?<![\w'-]){re.escape(plain)}(?![\w'-])", text, re.IGNORECASE if plain.islower() else 0):
                found.append((match, group, name))
    if not found:
        return None
    match, group, name = chance.choice(found)
    new = chance.choice([n for n in group if n != name]).replace("\xa0", " ")
    return text[: match.start()] + words.like(match.group(), new) + text[match.end() :]


def unit(chance, text):
    return listed(chance, text, UNITS)


def day(chance, text):
    """Another month or weekday."""
    return listed(chance, text, [DAYS, MONTHS, ["today", "tomorrow", "yesterday"], ["morning", "afternoon", "evening", "night"], ["summer", "winter", "spring", "autumn"]])


def swapped_word(chance, text):
    return listed(chance, text, SWAPS)


def sibling(chance, text):
    """Another thing of the same kind."""
    return words.exchange(chance, text, "siblings")


def opposite(chance, text):
    return words.exchange(chance, text, "opposites")


def person(chance, text):
    """Another name of a person."""
    men, women, families = words.groups("people")
    def other(match):
        first, last = match.group(1), match.group(2)
        pool = men if first in men else women if first in women else None
        if pool is None:
            return None
        if chance.random() < 0.6:
            return f"{chance.choice(pool)}{' ' + last if last else ''}"
        return f"{first} {chance.choice(families)}" if last else chance.choice(pool)

    return sub_one(chance, text, r"\b([A-Z][a-z]+)(?: ([A-Z][a-z]+))?\b", other)


def negated(chance, text):
    """A `not` more, or one less."""
    less = re.search(r"\b(?:not|never) |n't\b", text)
    if less and chance.random() < 0.7:
        at = text[: less.start()] + text[less.end() :]
        return at.replace("  ", " ").replace("ca ", "can ").replace("wo ", "will ")
    found = [m for regex in NOT_AFTER for m in re.finditer(regex, text, re.IGNORECASE)]
    found = [m for m in found if not re.match(r"(?:not|never|always|only|a|an|the)\b", text[m.end() :])]
    if not found:
        return None
    match = chance.choice(found)
    return text[: match.end()] + chance.choice(["not ", "not ", "never "]) + text[match.end() :]


def turned(chance, text):
    """What comes from one comes from the other, or who does it to whom."""
    regexes = [
        (r"\bfrom ([\w ]+?) to ([\w]+(?: [A-Z]\w+)*)", r"from \2 to \1"),
        (r"\b(convert|change|turn|translate|transfer|switch|move|migrate|export|import) ([\w]+(?: files?)?) (to|into) ([\w]+(?: files?)?)", r"\1 \4 \3 \2"),
        (r"\b([A-Z]\w+) (loves?|hates?|beats?|defeats?|defeated|killed|kill|marry|married|like|likes|bought|buy|invaded|attacked|sued|hired|knows?|owes?|owns?|taught|called|wrote to|replaced|succeeded|followed|influenced) ([A-Z]\w+)", r"\3 \2 \1"),
        (r"\bis ([\w ]+?) (\w+er|more \w+|less \w+) than ([\w ]+?)(?=[?]|$)", r"is \3 \2 than \1"),
        (r"\b(\w+) (before|after|without|instead of|versus) (\w+)\b", r"\3 \2 \1"),
    ]
    fit = [(re.search(a, text), b) for a, b in regexes]
    fit = [(m, b) for m, b in fit if m and len(set(m.groups())) > 1]
    if not fit:
        return None
    match, out = chance.choice(fit)
    return text[: match.start()] + match.expand(out) + text[match.end() :]


def other_word_asked(chance, text):
    """Asks how in place of why, when in place of where."""
    first, _, rest = text.partition(" ")
    if first.lower() not in WH or not re.match(r"(?:do|does|did|can|should|is|are|was|were|to|would|will)\b", rest):
        return None
    if first.lower() in ("what", "who") and not re.match(r"(?:is|are|was|were)\b", rest):
        return None
    choices = ["how", "why", "when", "where"] if first.lower() not in ("what", "who") else ["where", "who", "what", "why"]
    new = chance.choice([w for w in choices if w != first.lower()])
    return words.like(first, new) + " " + rest


def narrowed(chance, text):
    """A condition more: the answer is for another case."""
    tail = TAIL.search(text)
    kind = chance.choice(words.groups("constraints"))
    return text[: tail.start()] + chance.choice(kind) + text[tail.start() :].strip()


def other_condition(chance, text):
    """The same question under two conditions of one kind: gives both texts."""
    tail = TAIL.search(text)
    kind = chance.choice([group for group in words.groups("constraints") if len(group) > 1])
    one, two = chance.sample(kind, 2)
    return tuple(text[: tail.start()] + part + text[tail.start() :].strip() for part in (one, two))


# How often each is tried.
ALL = [
    (number, 4), (version, 2), (unit, 3), (day, 3), (swapped_word, 5), (sibling, 8), (opposite, 6), (person, 3), (negated, 5),
    (turned, 4), (other_word_asked, 2), (narrowed, 2),
]  # fmt: skip


def changed(chance, edit, text):
    """Two texts that need different answers: the text itself and an edit of it, or None."""
    if edit is narrowed and chance.random() < 0.6:
        return other_condition(chance, text)
    new = edit(chance, text)
    return (text, new) if new and new.strip().lower() != text.strip().lower() else None
