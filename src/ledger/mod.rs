//! What is known of models, what requests cost and what memory saves. Knows
//! prices, not requests.

mod catalogue;
mod memo;
mod prices;
mod rate;

pub use catalogue::{
    Capability, Catalogue, CatalogueFault, Entry, LiveCatalogue, Modalities, Modality, Reloaded,
    Sheet, Task,
};
pub use prices::Prices;
pub use rate::{ListPrice, Long, Rate, Usage};
