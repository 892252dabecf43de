//! The binary, the configurations and the documents, as a user meets them.

mod cli;
mod command;
mod configs;
mod disks;
mod documentation;
mod faults;
mod quickstart;
mod tiny;
mod training;
