//! Webhooks to others: what they tell, and where each telling stands.

use super::term::word_enum;

word_enum! {
    /// What a subscriber may be told of.
    OutboundKind, "event" {
        /// A tag's synonyms are new, or have a new version.
        SynonymsUpdated => "synonyms.updated",
        /// They went out of use, or are gone with their tag.
        SynonymsDeactivated => "synonyms.deactivated",
        /// A generation ended without success: nothing tries it again by itself.
        GenerationFailed => "generation.failed",
    }
}

word_enum! {
    /// Where the delivery of an event to a subscriber stands.
    DeliveryState, "state" {
        /// To be sent, for the first time or again; or being sent.
        Pending => "pending",
        /// The subscriber has taken it.
        Delivered => "delivered",
        /// Given up: attempts are spent, or the subscriber is gone.
        Dead => "dead",
    }
}
