//! Signed thinking blocks, carried through a client in the `encrypted_content` of a reasoning item, which it gives
//! back unread.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::Value;

/// Tells our own carriage from that of other servers.
const MARK: &str = "reprise1.";

/// Blocks in the form of `encrypted_content`.
pub(super) fn sealed(blocks: &[Value]) -> String {
    let json = serde_json::to_vec(blocks).unwrap_or_default();
    format!("{MARK}{}", BASE64.encode(json))
}

/// The blocks in an `encrypted_content`; none if it is not ours.
pub(super) fn opened(carried: &str) -> Option<Vec<Value>> {
    let json = BASE64.decode(carried.strip_prefix(MARK)?).ok()?;
    let blocks: Vec<Value> = serde_json::from_slice(&json).ok()?;
    let ours = |block: &Value| {
        let kind = block.get("type").and_then(Value::as_str);
        matches!(kind, Some("thinking" | "redacted_thinking"))
    };
    blocks.iter().all(ours).then_some(blocks)
}

/// Adds a block, or a piece of one: all that comes up to a signature is one block.
pub(super) fn add(blocks: &mut Vec<Value>, block: &Value) {
    let thinks = |block: &Value| block.get("type").and_then(Value::as_str) == Some("thinking");
    let signed = |block: &Value| {
        let signature = block.get("signature").and_then(Value::as_str);
        signature.is_some_and(|s| !s.is_empty())
    };
    match blocks.last_mut() {
        Some(last) if thinks(last) && thinks(block) && !signed(last) => {
            let whole = format!("{}{}", thinking(last), thinking(block));
            last["thinking"] = whole.into();
            if signed(block) {
                last["signature"] = block["signature"].clone();
            }
        }
        _ => blocks.push(block.clone()),
    }
}

/// What is thought in a block; nothing in a redacted one.
pub(super) fn thinking(block: &Value) -> &str {
    let text = block.get("thinking").and_then(Value::as_str);
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_come_back_as_they_were() {
        let blocks = [
            json!({"type": "thinking", "thinking": "Hmm 🍎", "signature": "s=="}),
            json!({"type": "redacted_thinking", "data": "x"}),
        ];
        assert_eq!(opened(&sealed(&blocks)).unwrap(), blocks);
    }

    #[test]
    fn what_another_server_sealed_is_not_opened() {
        for carried in [
            "gAAAAAB",
            "reprise1.!",
            &format!("{MARK}{}", BASE64.encode("[1]")),
        ] {
            assert_eq!(opened(carried), None, "{carried}");
        }
    }

    #[test]
    fn pieces_up_to_a_signature_are_one_block() {
        let mut blocks = Vec::new();
        for (thinking, signature) in [("a", ""), ("b", ""), ("", "s"), ("c", "t")] {
            let block = json!({"type": "thinking", "thinking": thinking, "signature": signature});
            add(&mut blocks, &block);
        }
        let whole = |thinking, signature| json!({"type": "thinking", "thinking": thinking, "signature": signature});
        assert_eq!(blocks, [whole("ab", "s"), whole("c", "t")]);
    }
}
