//! What requests cost and what memory saves. Knows prices, not requests.

mod prices;

pub use prices::Prices;
