//! Every word that a state and a cause may be, for the schemas of what is answered.

use strum::VariantArray;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::access::read::State;
use crate::connection::status::{Cause, Status};

/// The states of a connection, as callers are told them.
#[must_use]
pub fn states() -> Object {
    let all = Status::VARIANTS.iter().filter(|status| **status != Status::Refreshing);
    words(all.map(|status| State::from(*status).word()))
}

/// Why a connection is not simply active.
#[must_use]
pub fn causes() -> Object {
    words(Cause::VARIANTS.iter().map(|cause| <&str>::from(*cause)))
}

/// One of these.
#[must_use]
pub fn words(all: impl Iterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(all)).build()
}
