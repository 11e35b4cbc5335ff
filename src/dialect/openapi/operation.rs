//! One operation of the document, said in few words: its place, who may ask, what it takes, what it answers. Knows no
//! operation.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{HttpMethod, Ref, RefOr, Required};

use super::refusals::Refusals;

pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// An operation in the making.
pub struct Operation {
    pub path: &'static str,
    pub method: HttpMethod,
    pub built: OperationBuilder,
    /// What its bodies are made of, by name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

pub fn get(path: &'static str, id: &str) -> Operation {
    Operation::new(path, HttpMethod::Get, id)
}

pub fn post(path: &'static str, id: &str) -> Operation {
    Operation::new(path, HttpMethod::Post, id)
}

pub fn delete(path: &'static str, id: &str) -> Operation {
    Operation::new(path, HttpMethod::Delete, id)
}

/// A text, where nothing more is known of it.
pub fn text() -> Object {
    Object::with_type(Type::String)
}

/// A text that is not empty.
pub fn some_text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).build()
}

impl Operation {
    fn new(path: &'static str, method: HttpMethod, id: &str) -> Self {
        let built = OperationBuilder::new().operation_id(Some(id));
        Self { path, method, built, schemas: Vec::new() }
    }

    fn with(mut self, change: impl FnOnce(OperationBuilder) -> OperationBuilder) -> Self {
        self.built = change(self.built);
        self
    }

    /// What it is for: in one sentence, and whatever else there is to know.
    pub fn is(self, tag: &str, summary: &str, more: &str) -> Self {
        self.with(|built| built.tag(tag).summary(Some(summary)).description(Some(more)))
    }

    /// Who may ask: whoever proves all of these. Several calls are several ways; without a name anybody may.
    pub fn by(self, schemes: &[&str]) -> Self {
        let none = || Vec::<String>::new();
        let all = schemes.iter().fold(SecurityRequirement::default(), |all, name| all.add(*name, none()));
        self.with(|built| built.security(all))
    }

    pub fn in_path(self, name: &str, description: &str, example: &str) -> Self {
        self.parameter(ParameterIn::Path, Required::True, name, text(), description, example)
    }

    pub fn in_query(self, name: &str, schema: Object, description: &str, example: impl Into<Value>) -> Self {
        self.parameter(ParameterIn::Query, Required::False, name, schema, description, example)
    }

    pub fn needs_in_query(self, name: &str, schema: Object, description: &str, example: &str) -> Self {
        self.parameter(ParameterIn::Query, Required::True, name, schema, description, example)
    }

    pub fn in_header(self, name: &str, description: &str, example: &str) -> Self {
        self.parameter(ParameterIn::Header, Required::False, name, text(), description, example)
    }

    fn parameter(
        self,
        place: ParameterIn,
        required: Required,
        name: &str,
        schema: Object,
        description: &str,
        example: impl Into<Value>,
    ) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(description))
            .schema(Some(schema))
            .example(Some(example.into()));
        self.with(|built| built.parameter(parameter))
    }

    /// A JSON body, which may be left out.
    pub fn may_take<T: ToSchema>(mut self, description: &str, example: Value) -> Self {
        let schema = self.schema_of::<T>();
        self.body(JSON, schema, Required::False, description, example)
    }

    /// A JSON body.
    pub fn takes<T: ToSchema>(mut self, description: &str, example: Value) -> Self {
        let schema = self.schema_of::<T>();
        self.body(JSON, schema, Required::True, description, example)
    }

    pub fn takes_form(self, form: Object, description: &str, example: Value) -> Self {
        self.body(FORM, Schema::from(form).into(), Required::True, description, example)
    }

    fn body(
        self,
        kind: &str,
        schema: RefOr<Schema>,
        required: Required,
        description: &str,
        example: Value,
    ) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
        let body = RequestBodyBuilder::new().content(kind, content);
        let body = body.required(Some(required)).description(Some(description)).build();
        self.with(|built| built.request_body(Some(body)))
    }

    /// 200 with JSON.
    pub fn answers<T: ToSchema>(self, description: &str, example: Value) -> Self {
        self.answers_with::<T>(200, description, example)
    }

    /// 201 with JSON.
    pub fn creates<T: ToSchema>(self, description: &str, example: Value) -> Self {
        self.answers_with::<T>(201, description, example)
    }

    fn answers_with<T: ToSchema>(mut self, status: u16, description: &str, example: Value) -> Self {
        let schema = self.schema_of::<T>();
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
        self.responds(status, ResponseBuilder::new().description(description).content(JSON, content))
    }

    pub fn responds(self, status: u16, response: impl Into<Response>) -> Self {
        self.with(|built| built.response(status.to_string(), response.into()))
    }

    /// Whatever it refuses, by status. `T` is the body's type.
    pub fn refuses<T: ToSchema>(mut self, refusals: Refusals) -> Self {
        let body = self.schema_of::<T>();
        for (status, response) in refusals.responses(&body) {
            self = self.responds(status, response);
        }
        self
    }

    /// A reference to it. The schema itself goes to the others.
    fn schema_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name().into_owned();
        T::schemas(&mut self.schemas);
        self.schemas.push((name.clone(), T::schema()));
        Ref::from_schema_name(name).into()
    }
}

/// A header of an answer.
pub fn header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(text())).description(Some(description)).build()
}

/// The members of a form. Those in `required` must be there.
pub fn form(members: &[(&str, Object, &str)], required: &[&str]) -> Object {
    let mut form = ObjectBuilder::new();
    for (name, schema, description) in members {
        let mut schema = schema.clone();
        schema.description = Some((*description).to_owned());
        form = form.property(*name, schema);
    }
    required.iter().fold(form, |form, name| form.required(*name)).build()
}

/// The same value as JSON. For what always can be.
pub fn value(told: &impl Serialize) -> Value {
    json!(told)
}
