//! The binary, the configurations and the documents, as a user meets them.

mod answering;
mod cli;
mod command;
mod configs;
mod disks;
mod documentation;
mod faults;
mod tiny;
mod training;
