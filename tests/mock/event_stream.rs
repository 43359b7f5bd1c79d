//! The binary frames in which AWS sends events, after its specification of the event stream encoding.

/// Headers of type "string", which is all that events here have.
const STRING: u8 = 7;

/// One message: its lengths, their checksum, headers, payload, and the checksum of all of it.
pub(crate) fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.extend(length(name.len()).to_be_bytes().last());
        head.extend(name.as_bytes());
        head.push(STRING);
        head.extend(&length(value.len()).to_be_bytes()[2..]);
        head.extend(value.as_bytes());
    }
    let mut message = Vec::new();
    // Two lengths and two checksums: sixteen bytes beside headers and payload.
    message.extend(length(16 + head.len() + payload.len()).to_be_bytes());
    message.extend(length(head.len()).to_be_bytes());
    message.extend(crc32(&message).to_be_bytes());
    message.extend(head);
    message.extend(payload);
    message.extend(crc32(&message).to_be_bytes());
    message
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The checksum of Ethernet and gzip, a bit at a time.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
