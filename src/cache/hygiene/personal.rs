//! Finds personal data that has a form: e-mail and public IPv4 addresses, telephone, card, bank account and US
//! social security numbers. Names and street addresses have none and are not found.

use std::net::Ipv4Addr;

use super::numbers::{Groups, is_card, is_iban};

/// Whether a text holds any of it.
pub(super) fn carries(text: &str) -> bool {
    let bytes = text.as_bytes();
    let starts = |i: usize| i == 0 || !bytes[i - 1].is_ascii_alphanumeric();
    (0..bytes.len()).any(|i| match bytes[i] {
        b'@' => is_email(text, i),
        b'0'..=b'9' if starts(i) => {
            let groups = Groups::read(bytes, i);
            is_card(&groups) || is_ssn(&groups) || is_phone(text, i, &groups) || is_ipv4(text, i)
        }
        b'+' if starts(i) => is_international(&Groups::read(bytes, i + 1)),
        b'A'..=b'Z' if starts(i) => is_iban(bytes, i),
        _ => false,
    })
}

fn is_email(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let local = |b: u8| b.is_ascii_alphanumeric() || b"._%+-".contains(&b);
    let domain = |b: &&u8| b.is_ascii_alphanumeric() || b"-.".contains(b);
    if at == 0 || !local(bytes[at - 1]) {
        return false;
    }
    let length = bytes[at + 1..].iter().take_while(domain).count();
    let domain = text[at + 1..at + 1 + length].trim_end_matches(['.', '-']);
    let labels: Vec<&str> = domain.split('.').collect();
    let top = labels.last().copied().unwrap_or_default();
    labels.len() >= 2
        && labels.iter().all(|label| !label.is_empty())
        && top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
}

/// `123-45-6789`, as far as such numbers are given out.
fn is_ssn(groups: &Groups<'_>) -> bool {
    let [area, group, serial] = groups.parts.as_slice() else {
        return false;
    };
    (area.len(), group.len(), serial.len()) == (3, 2, 4)
        && groups.all_parted_by(b'-')
        && !matches!(*area, b"000" | b"666")
        && area[0] != b'9'
        && *group != b"00"
        && *serial != b"0000"
}

/// Digits of a telephone number with its country.
const INTERNATIONAL: std::ops::RangeInclusive<usize> = 8..=15;

/// What stands behind a `+`. Without any gap a short one is more likely a sum.
fn is_international(groups: &Groups<'_>) -> bool {
    let digits = groups.digits();
    let told = !groups.parts[0].is_empty() && INTERNATIONAL.contains(&digits);
    told && (groups.parts.len() > 1 || digits >= 10)
}

/// A North American number, one that begins with `00`, or any behind a word that announces one.
fn is_phone(text: &str, at: usize, groups: &Groups<'_>) -> bool {
    let bytes = text.as_bytes();
    // The tail of a longer number is none.
    if at >= 2 && bytes[at - 2].is_ascii_digit() && b" -./".contains(&bytes[at - 1]) {
        return false;
    }
    let digits = groups.digits();
    let abroad =
        groups.parts[0].starts_with(b"00") && groups.parts.len() > 1 && (10..=17).contains(&digits);
    abroad || is_american(groups) || (7..=15).contains(&digits) && is_announced(text, at)
}

fn is_american(groups: &Groups<'_>) -> bool {
    let parts = match groups.parts.as_slice() {
        [b"1", rest @ ..] => rest,
        all => all,
    };
    let [area, exchange, line] = parts else {
        return false;
    };
    let lengths = (area.len(), exchange.len(), line.len()) == (3, 3, 4);
    lengths && area[0] >= b'2' && exchange[0] >= b'2' && !groups.all_parted_by(b' ')
}

/// Words before a telephone number.
const ANNOUNCING: [&str; 7] = [
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "whatsapp",
    "fax",
];

fn is_announced(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches(|c: char| !c.is_alphanumeric());
    let mut words = before
        .rsplit(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty());
    // `phone number is 030 1234567`.
    let near = words.by_ref().take(3);
    near.into_iter()
        .any(|word| ANNOUNCING.contains(&word.to_lowercase().as_str()))
}

/// An address that may be somebody's: those of private networks, of this machine and of documentation are nobody's.
fn is_ipv4(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let inside = |b: &&u8| b.is_ascii_digit() || **b == b'.';
    let length = bytes[at..].iter().take_while(inside).count();
    let part = text[at..at + length].trim_end_matches('.');
    let behind_dot = at > 0 && bytes[at - 1] == b'.';
    let goes_on = bytes
        .get(at + length)
        .is_some_and(u8::is_ascii_alphanumeric);
    let version = text[..at]
        .trim_end()
        .to_ascii_lowercase()
        .ends_with("version");
    let Ok(address) = part.parse::<Ipv4Addr>() else {
        return false;
    };
    let nobodys = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast();
    !behind_dot && !goes_on && !version && !nobodys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_form_of_personal_data_is_found() {
        for text in [
            "write to Ann.Smith+x@mail.people.example.",
            "<bob@people.example>",
            "call +49 30 12345678",
            "call +442071838750 now",
            "(212) 555-0123",
            "212-555-0123",
            "1-212-555-0123.",
            "0049 30 1234567",
            "My phone number is 030 1234567",
            "card 4111 1111 1111 1111 12/29",
            "4111111111111111",
            "amex 3782-822463-10005",
            "IBAN DE89 3704 0044 0532 0130 00, please",
            "GB82WEST12345698765432",
            "my SSN: 078-05-1120",
            "requests came from 81.2.69.142.",
            "é81.2.69.142:8080",
        ] {
            assert!(carries(text), "{text}");
        }
    }

    #[test]
    fn what_only_resembles_it_is_not() {
        for text in [
            "",
            "user@host and @handle and pkg@1.2.3",
            "a @ b.com",
            "What is 4111 1111 1111 1112?",
            "4111111111111111111111",
            "x4111111111111111",
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
            "DE88 3704 0044 0532 0130 00 and DE88370400440532013000",
            "GB82 is a road",
            "000-12-3456 and 900-12-3456 and 123-00-4567",
            "2024-11-25 10:30:00",
            "pi is 3.14159265358979",
            "in 1999-2001 and 2002-2004",
            "8 + 12345678 = 12345686, so +12345678",
            "version 81.2.69.142 of v81.2.69.142",
            "127.0.0.1, 192.168.0.1, 10.1.2.3 and 192.0.2.1",
            "1.2.3.4.5 and 300.1.1.1",
            "part 212 555 0123",
            "order 20456-19",
        ] {
            assert!(!carries(text), "{text}");
        }
    }
}
