//! Raw record → typed event: what every field of a Sysmon record means in ECS. It opens no file and knows no rule.

mod derive;
pub mod schema;
