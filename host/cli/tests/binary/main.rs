//! The binary, the configurations and the documents, as a user meets them.

mod answering;
mod checks;
mod cli;
mod command;
mod configs;
mod datasets;
#[cfg(feature = "device-check")]
mod devices;
mod disks;
mod documentation;
mod embedded;
mod faults;
mod indexing;
mod inspect;
mod locking;
mod logging;
mod models;
mod plugin_projects;
mod plugins;
mod preparing;
mod quickstart;
mod rankings;
mod real_data;
mod references;
mod sweeping;
mod tiny;
mod training;
