//! Raw record → typed event with ECS fields, out of one schema table. It opens no file and knows no rule.
