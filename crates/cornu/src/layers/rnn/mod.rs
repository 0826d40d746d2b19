//! Recurrent layers and their cells.
mod bidirectional;
mod conv_lstm;
mod conv_lstm_cell;
mod gates;
mod gru;
mod lstm;
mod recurrence;
#[allow(clippy::module_inception)]
mod rnn;
mod simple_rnn;
mod stacked_rnn_cells;
mod states;
mod time_distributed;

pub use bidirectional::Bidirectional;
pub use conv_lstm::{ConvLSTM1D, ConvLSTM2D, ConvLSTM3D};
pub use gru::{GRU, GRUCell};
pub use lstm::{LSTM, LSTMCell};
pub use rnn::RNN;
pub use simple_rnn::{SimpleRNN, SimpleRNNCell};
pub use stacked_rnn_cells::StackedRNNCells;
pub use time_distributed::TimeDistributed;
