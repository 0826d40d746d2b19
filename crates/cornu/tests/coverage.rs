//! Which of Keras's public names are here: `docs/coverage.md`, written from the lists below, which the compiler checks.
//!
//! `testdata/keras/api.txt` holds the names of Keras 3.15.1. With `UPDATE=1` the page is written anew. A new class or function
//! is added to the list of its module.
#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

macro_rules! here {
    ($($module:literal = $($path:ident)::+ { $($name:ident)* })*) => {
        /// Modules of Keras, and the names in them that are here.
        const HERE: &[(&str, &[&str])] = &[$(($module, &[$(stringify!($name)),*])),*];
        $(
            const _: () = {
                #[allow(unused_imports)]
                use $($path)::+::{$($name as _),*};
            };
        )*
    };
}

here! {
    "keras.applications" = cornu::applications {
        ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge DenseNet121 DenseNet169
        DenseNet201 EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4
        EfficientNetB5 EfficientNetB6 EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1
        EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L EfficientNetV2M EfficientNetV2S
        InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Large MobileNetV3Small
        NASNetLarge NASNetMobile ResNet101 ResNet101V2 ResNet152 ResNet152V2 ResNet50 ResNet50V2
        VGG16 VGG19 Xception
    }
    "keras.layers" = cornu::layers {
        Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
        AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add
        AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D AveragePooling2D
        AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization Bidirectional CategoryEncoding
        CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D
        Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D
        Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose
        Cropping1D Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout
        ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise
        GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D
        GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D
        GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing Identity Input
        InputLayer IntegerLookup LSTM LSTMCell Lambda Layer LayerNormalization LeakyReLU Masking
        MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum
        MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline
        RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
        RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
        RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation
        RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling
        Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
        SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization
        SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup
        Subtract TextVectorization TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D
        ZeroPadding1D ZeroPadding2D ZeroPadding3D
    }
    "keras.losses" = cornu::losses {
        BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
        CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber
        KLDivergence LogCosh Loss MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError
        MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy SquaredHinge Tversky
        binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy
        categorical_hinge cosine_similarity ctc hinge huber kl_divergence log_cosh mean_absolute_error
        mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error poisson
        sparse_categorical_crossentropy squared_hinge
    }
    "keras.metrics" = cornu::metrics {
        AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
        CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives
        FalsePositives Hinge IoU KLDivergence LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError
        MeanIoU MeanSquaredError MeanSquaredLogarithmicError Metric OneHotIoU OneHotMeanIoU PearsonCorrelation
        Poisson Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError
        SensitivityAtSpecificity SparseCategoricalAccuracy SparseCategoricalCrossentropy
        SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum TopKCategoricalAccuracy
        TrueNegatives TruePositives binary_focal_crossentropy categorical_focal_crossentropy huber log_cosh
    }
    "keras.optimizers" = cornu::optimizers {
        Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer MultiOptimizer Muon Nadam
        Optimizer OptimizerMap RMSprop SGD ScheduleFreeAdamW
    }
    "keras.optimizers.schedules" = cornu::optimizers::schedules {
        CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay
    }
    "keras.callbacks" = cornu::callbacks {
        BackupAndRestore CSVLogger Callback EarlyStopping LambdaCallback LearningRateScheduler ModelCheckpoint
        ReduceLROnPlateau RemoteMonitor SwapEMAWeights TensorBoard TerminateOnNaN
    }
    "keras.initializers" = cornu::initializers {
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity Initializer LecunNormal LecunUniform
        Ones Orthogonal RandomNormal RandomUniform STFT TruncatedNormal VarianceScaling Zeros
    }
    "keras.regularizers" = cornu::regularizers {
        L1 L1L2 L2 OrthogonalRegularizer Regularizer
    }
    "keras.constraints" = cornu::constraints {
        Constraint MaxNorm MinMaxNorm NonNeg UnitNorm
    }
    "keras.activations" = cornu::activations {
        celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid
        log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
        sparse_sigmoid sparsemax squareplus tanh tanh_shrink threshold
    }
    "keras.distribution" = cornu::distribution {
        DataParallel DeviceMesh distribution get_device_count list_devices set_distribution
    }
    "keras.ops.image" = cornu::ops {
        affine_transform crop_images elastic_transform extract_patches extract_patches_3d gaussian_blur
        hsv_to_rgb map_coordinates pad_images perspective_transform resize rgb_to_grayscale rgb_to_hsv
        scale_and_translate sobel_edges ssim
    }
    "keras.ops" = cornu::ops {
        abs absolute adaptive_average_pool adaptive_max_pool add all allclose amax amin angle any append arange
        arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argpartition argsort array
        array_split associative_scan average average_pool bartlett batch_normalization binary_crossentropy
        bincount bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift
        bitwise_xor blackman broadcast_to cast categorical_crossentropy cbrt cdist ceil celu cholesky
        cholesky_inverse clip concatenate cond conj conjugate conv conv_transpose convert_to_tensor copy
        corrcoef correlate cos cosh count_nonzero cross ctc_decode ctc_loss cumprod cumsum custom_gradient
        deg2rad depth_to_space depthwise_conv det diag diagflat diagonal diff digitize divide divide_no_nan dot
        dot_product_attention dsplit dstack eig eigh einsum elu empty empty_like equal erf erfc erfinv exp exp2
        expand_dims expm1 extract_sequences eye fabs fft fft2 flip fliplr flipud floor floor_divide fmax fmin
        fmod fold fori_loop full full_like gcd gelu geomspace get_item glu greater greater_equal hamming hanning
        hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh heaviside histogram hsplit hstack hypot i0
        identity ifft2 imag in_top_k inner inv irfft isclose isfinite isin isinf isnan isneginf isposinf isreal
        istft jvp kaiser kron layer_normalization lcm ldexp leaky_relu left_shift less less_equal linspace log
        log10 log1p log2 log_sigmoid log_softmax logaddexp logaddexp2 logdet logical_and logical_not logical_or
        logical_xor logspace logsumexp lstsq lu_factor map matmul matrix_rank max max_pool maximum mean median
        meshgrid min minimum moments moveaxis multi_hot multiply nan_to_num nanargmax nanargmin nancumprod
        nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar
        ndim negative nextafter nonzero norm normalize not_equal one_hot ones ones_like outer pad percentile pinv
        polar power prod psnr ptp qr quantile rad2deg ravel real rearrange reciprocal relu relu6 repeat reshape rfft
        right_shift rms_normalization roll rot90 round rsqrt saturate_cast scan scatter scatter_update
        searchsorted segment_max segment_min segment_prod segment_sum select selu separable_conv sigmoid sign
        signbit silu sin sinc sinh size slice slice_update slogdet soft_shrink softmax softplus softsign solve
        solve_triangular sort space_to_depth sparse_categorical_crossentropy sparse_plus sparse_sigmoid
        sparsemax split sqrt square squareplus squeeze stack std stft stop_gradient subtract sum svd swapaxes
        swish switch take take_along_axis tan tanh tanh_shrink tensordot threshold tile top_k trace transpose
        trapezoid tri tril triu true_divide trunc unfold unique unravel_index unstack vander var vdot vectorize
        vectorized_map view view_as_complex view_as_real vsplit vstack while_loop zeros zeros_like
    }
    "keras.utils" = cornu::utils {
        FeatureSpace Progbar PyDataset Sequence array_to_img audio_dataset_from_directory clear_session
        disable_interactive_logging enable_interactive_logging get_file get_registered_object get_source_inputs
        image_dataset_from_directory img_to_array is_interactive_logging_enabled load_img model_to_dot normalize
        pack_x_y_sample_weight pad_sequences plot_model save_img set_random_seed split_dataset standardize_dtype
        text_dataset_from_directory timeseries_dataset_from_array to_categorical unpack_x_y_sample_weight
    }
    "keras.random" = cornu::random {
        SeedGenerator beta binomial categorical dropout gamma normal randint shuffle truncated_normal uniform
    }
    "keras.saving" = cornu::saving {
        KerasFileEditor get_registered_object load_model load_weights save_model save_weights
    }
    "keras.models" = cornu::models {
        Model Sequential clone_model load_model model_from_json save_model
    }
}

/// Names that are found by strings where Keras takes them: `"mse"` for a loss.
fn by_string(module: &str) -> Vec<&'static str> {
    match module {
        "keras.losses" => cornu::losses::Loss::NAMES.to_vec(),
        "keras.metrics" => cornu::metrics::Metric::NAMES.to_vec(),
        "keras.initializers" => cornu::initializers::Initializer::NAMES.to_vec(),
        "keras.regularizers" => cornu::regularizers::Regularizer::NAMES.to_vec(),
        "keras.constraints" => cornu::constraints::Constraint::NAMES.to_vec(),
        _ => vec![],
    }
}

/// What stands for a name, or why nothing does; `*` for every module.
const INSTEAD: &[(&str, &str, &str)] = &[
    ("*", "get", "names and objects are taken everywhere by `into()`"),
    ("*", "serialize", "`object::envelope`"),
    ("*", "deserialize", "`object::from_envelope`"),
    ("*", "serialize_keras_object", "`object::envelope`"),
    ("*", "deserialize_keras_object", "`object::from_envelope`"),
    ("*", "register_keras_serializable", "`object::register`"),
    ("*", "CustomObjectScope", "`object::register`"),
    ("*", "custom_object_scope", "`object::register`"),
    ("*", "get_custom_objects", "`object::register`"),
    ("*", "get_registered_name", "`KerasObject::registered_name`"),
    ("keras.layers", "FlaxLayer", "wraps Python objects: refused by name"),
    ("keras.layers", "JaxLayer", "wraps Python objects: refused by name"),
    ("keras.layers", "TFSMLayer", "wraps Python objects: refused by name"),
    ("keras.layers", "TorchModuleWrapper", "wraps Python objects: refused by name"),
    ("keras.layers", "Wrapper", "`LayerBox`, the argument of every wrapper"),
    ("keras.layers", "InputSpec", "`Layer::build` refuses shapes"),
    ("keras.layers", "add", "`Add::new().apply(..)`, or `+`"),
    ("keras.layers", "average", "`Average::new().apply(..)`"),
    ("keras.layers", "concatenate", "`Concatenate::new().apply(..)`"),
    ("keras.layers", "dot", "`Dot::new(..).apply(..)`"),
    ("keras.layers", "maximum", "`Maximum::new().apply(..)`"),
    ("keras.layers", "minimum", "`Minimum::new().apply(..)`"),
    ("keras.layers", "multiply", "`Multiply::new().apply(..)`, or `*`"),
    ("keras.layers", "subtract", "`Subtract::new().apply(..)`, or `-`"),
    ("keras.activations", "swish", "`\"swish\"`, which is `silu`"),
    ("keras.activations", "hard_swish", "`\"hard_swish\"`, which is `hard_silu`"),
    ("keras.metrics", "MeanMetricWrapper", "`Metric::function`"),
    ("keras.optimizers.schedules", "LearningRateSchedule", "`Schedule::function`"),
    ("keras.callbacks", "CallbackList", "`Fit::callback`, as often as wanted"),
    ("keras.callbacks", "History", "what `fit` returns"),
    ("keras.callbacks", "OrbaxCheckpoint", "stores Python objects"),
    ("keras.callbacks", "ProgbarLogger", "`Fit::verbose`"),
    ("keras.ops", "mod", "`ops::modulo`, or `%`: a word of Rust"),
    ("keras.ops", "where", "`ops::where_`: a word of Rust"),
    ("keras.ops", "shape", "`KerasTensor::shape`, `Value::shape`, `Tensor::shape`"),
    ("keras.ops", "dtype", "`Value::dtype`, `Tensor::dtype`"),
    ("keras.ops", "is_tensor", "types say so"),
    ("keras.ops", "convert_to_numpy", "`Tensor::to_vec`, `Tensor::to_ndarray`"),
    ("keras.utils", "is_keras_tensor", "types say so"),
    ("keras.utils", "Config", "a `struct`, or a map: a dict with attributes is Python's"),
];

fn instead(module: &str, name: &str) -> Option<&'static str> {
    let found = INSTEAD.iter().find(|(m, n, _)| (*m == "*" || *m == module) && *n == name);
    found.map(|(.., what)| *what)
}

#[test]
fn the_page_says_what_is_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let api = std::fs::read_to_string(root.join("testdata/keras/api.txt")).unwrap();
    let here: BTreeMap<&str, &[&str]> = HERE.iter().copied().collect();
    let mut page = String::from(
        "# Keras's public names\n\nWritten by `crates/cornu/tests/coverage.rs` from what the compiler finds, beside the names of \
         Keras 3.15.1.\n\n| module | names | here | by string | otherwise | not there |\n|---|---|---|---|---|---|\n",
    );
    let mut missing = String::from("\n## Otherwise\n");
    let mut absent = String::from("\n## Not there\n");
    for line in api.lines() {
        let (module, names) = line.split_once(':').unwrap();
        let names: Vec<&str> = names.split_whitespace().collect();
        let ours = here.get(module).copied().unwrap_or_default();
        for name in ours {
            assert!(names.contains(name), "{module}: Keras has no `{name}`");
        }
        let strings = by_string(module);
        let rest: Vec<&str> = names.iter().copied().filter(|n| !ours.contains(n)).collect();
        let (spoken, rest): (Vec<&str>, Vec<&str>) = rest.into_iter().partition(|n| strings.contains(n));
        let (other, not): (Vec<&str>, Vec<&str>) =
            rest.into_iter().partition(|n| instead(module, n).is_some());
        writeln!(
            page,
            "| {module} | {} | {} | {} | {} | {} |",
            names.len(),
            ours.len(),
            spoken.len(),
            other.len(),
            not.len()
        )
        .unwrap();
        for name in other {
            writeln!(missing, "\n- `{module}.{name}`: {}", instead(module, name).unwrap()).unwrap();
        }
        if !not.is_empty() {
            let list: Vec<String> = not.iter().map(|n| format!("`{n}`")).collect();
            writeln!(absent, "\n{module}: {}", list.join(", ")).unwrap();
        }
    }
    let page =
        page + &absent + &missing.replace("\n\n- ", "\n- ").replacen("Otherwise\n- ", "Otherwise\n\n- ", 1);
    let path = root.join("docs/coverage.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page).unwrap();
    } else {
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(page == known, "docs/coverage.md is out of date: run this test with UPDATE=1");
    }
}
