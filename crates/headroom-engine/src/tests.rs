//! Tests of the engine as a whole, against a toy world.

mod clock;
mod explore;
mod knowledge;
mod order;
mod polling;
mod reads;
mod refusals;
mod release;
mod rules;
mod run;
mod storm;
mod words;
mod world;
