//! The columns: every field of the ECS table that an event can have, and where in the evidence it was read. It holds no value.

use std::sync::{Arc, LazyLock};

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::Result;
use parquet::schema::types::{Type, TypePtr};

use crate::sysmon::{self, ColumnType};

/// What a column holds, in Parquet's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// STRING
    Text,
    /// LIST of STRING, never empty
    Texts,
    /// INT64
    Integer,
    /// BOOLEAN
    Boolean,
    /// TIMESTAMP(MICROS, UTC)
    Time,
    /// MAP of STRING to STRING, never empty
    Pairs,
}

impl Shape {
    /// Its name in Parquet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "STRING",
            Self::Texts => "LIST<STRING>",
            Self::Integer => "INT64",
            Self::Boolean => "BOOLEAN",
            Self::Time => "TIMESTAMP(MICROS, UTC)",
            Self::Pairs => "MAP<STRING, STRING>",
        }
    }
}

/// One column. Every one may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name: the dotted path of an ECS field, or one of evql's own.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
}

/// evql's own columns, after those of ECS. Rows carry them in this order.
const OWN: [Column; 9] = [
    own("evidence.chunk", Shape::Integer),
    own("evidence.created_ticks", Shape::Integer),
    own("evidence.data_sha256", Shape::Text),
    own("evidence.record", Shape::Integer),
    own("evidence.recovered", Shape::Boolean),
    own("evidence.sha256", Shape::Text),
    own("evidence.source", Shape::Text),
    own("evidence.source_number", Shape::Integer),
    own("winlog.event_data", Shape::Pairs),
];

const fn own(name: &'static str, shape: Shape) -> Column {
    Column { name, shape }
}

static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let ecs = sysmon::columns().iter().map(|column| {
        let shape = match column.kind {
            ColumnType::Text => Shape::Text,
            ColumnType::Texts => Shape::Texts,
            ColumnType::Integer => Shape::Integer,
            ColumnType::Boolean => Shape::Boolean,
            ColumnType::Time => Shape::Time,
        };
        Column { name: column.path, shape }
    });
    ecs.chain(OWN).collect()
});

/// All columns, in the order of the files.
pub fn columns() -> &'static [Column] {
    &COLUMNS
}

/// The same as a Parquet schema.
pub(super) fn parquet_schema() -> Result<TypePtr> {
    let fields = columns().iter().map(|column| parquet_field(*column)).collect::<Result<_>>()?;
    Ok(Arc::new(Type::group_type_builder("event").with_fields(fields).build()?))
}

fn parquet_field(column: Column) -> Result<TypePtr> {
    let Column { name, shape } = column;
    let optional = Repetition::OPTIONAL;
    match shape {
        Shape::Text => text(name, optional),
        Shape::Integer => leaf(name, Physical::INT64, optional, None),
        Shape::Boolean => leaf(name, Physical::BOOLEAN, optional, None),
        Shape::Time => {
            leaf(name, Physical::INT64, optional, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        }
        Shape::Texts => {
            let entry = repeated("list", vec![text("element", Repetition::REQUIRED)?])?;
            nested(name, LogicalType::List, ConvertedType::LIST, entry)
        }
        Shape::Pairs => {
            let required = Repetition::REQUIRED;
            let entry = repeated("key_value", vec![text("key", required)?, text("value", required)?])?;
            nested(name, LogicalType::Map, ConvertedType::MAP, entry)
        }
    }
}

fn text(name: &str, repetition: Repetition) -> Result<TypePtr> {
    leaf(name, Physical::BYTE_ARRAY, repetition, Some(LogicalType::String))
}

fn leaf(
    name: &str,
    physical: Physical,
    repetition: Repetition,
    logical: Option<LogicalType>,
) -> Result<TypePtr> {
    let leaf = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    Ok(Arc::new(leaf.with_logical_type(logical).build()?))
}

fn repeated(name: &str, fields: Vec<TypePtr>) -> Result<TypePtr> {
    let group = Type::group_type_builder(name).with_repetition(Repetition::REPEATED);
    Ok(Arc::new(group.with_fields(fields).build()?))
}

fn nested(name: &str, logical: LogicalType, converted: ConvertedType, entry: TypePtr) -> Result<TypePtr> {
    let group = Type::group_type_builder(name).with_repetition(Repetition::OPTIONAL);
    let group = group.with_logical_type(Some(logical)).with_converted_type(converted);
    Ok(Arc::new(group.with_fields(vec![entry]).build()?))
}
