//! Keras's `utils`: data sets, pictures, progress, seeds and names.
pub(crate) mod allowance;
mod arrays;
pub(crate) mod atomic;
mod audio_dataset;
mod feature_space;
mod folder;
mod get_file;
#[cfg(feature = "image")]
pub(crate) mod image;
#[cfg(feature = "image")]
mod image_dataset;
mod io;
pub(crate) mod naming;
pub(crate) mod numerical;
mod plot_model;
pub(crate) mod png;
mod progbar;
pub(crate) mod python_format;
mod random_state;
mod seed;
mod sources;
mod split_dataset;
mod text_dataset;
mod timeseries_dataset;
pub(crate) mod unpack;

pub use crate::object::get_registered_object;
pub use crate::training::PyDataset as Sequence;
pub use crate::training::PyDataset;
pub use arrays::{normalize, pad_sequences, to_categorical};
pub use audio_dataset::{AudioDatasetFromDirectory, audio_dataset_from_directory};
pub use feature_space::{Cross, Feature, FeatureSpace};
pub use folder::{LabelMode, Labels};
pub use get_file::{GetFile, get_file};
#[cfg(feature = "image")]
pub use image::{Image, LoadImg, SaveImg, array_to_img, img_to_array, load_img, save_img};
#[cfg(feature = "image")]
pub use image_dataset::{ImageDatasetFromDirectory, image_dataset_from_directory};
pub(crate) use io::print_message;
pub use io::{disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled};
pub use naming::clear_session;
pub use plot_model::{PlotModel, model_to_dot, plot_model};
pub use progbar::Progbar;
pub(crate) use random_state::RandomState;
pub(crate) use seed::next_seed;
pub use seed::set_random_seed;
pub use sources::{get_source_inputs, standardize_dtype};
pub use split_dataset::{
    SplitDataset, SplitSize, Splittable, pack_x_y_sample_weight, split_dataset, unpack_x_y_sample_weight,
};
pub use text_dataset::{TextDatasetFromDirectory, text_dataset_from_directory};
pub(crate) use timeseries_dataset::rows;
pub use timeseries_dataset::{TimeseriesDatasetFromArray, timeseries_dataset_from_array};
