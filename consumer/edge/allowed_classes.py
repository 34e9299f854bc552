"""The classes of which a page may hold instances. Nothing of them is called or set while a page is read."""

# Each with the use cases and models that need it. A class that is not here cannot be read back, and a use
# case whose model holds one is refused when the function starts.
ALLOWED_CLASSES: dict[tuple[str, str], str] = {
    # drift
    ("river.drift.adwin", "ADWIN"): "drift: ADWIN",
    ("river.drift.page_hinkley", "PageHinkley"): "drift: PageHinkley",
    ("river.drift.kswin", "KSWIN"): "drift: KSWIN",
    ("river.drift.dummy", "DummyDriftDetector"): "drift: DummyDriftDetector",
    ("river.drift.no_drift", "NoDrift"): "drift: NoDrift",
    # anomaly
    ("river.anomaly.filter", "QuantileFilter"): "anomaly: HalfSpaceTrees, OneClassSVM",
    ("river.anomaly.filter", "ThresholdFilter"): "anomaly: GaussianScorer",
    ("river.stats.quantile", "Quantile"): "anomaly: HalfSpaceTrees, OneClassSVM",
    ("river._river_rust.stats", "RsQuantile"): "anomaly: HalfSpaceTrees, OneClassSVM",
    ("river.anomaly.hst", "HalfSpaceTrees"): "anomaly: HalfSpaceTrees",
    ("river.tree.padded", "PaddedBranch"): "anomaly: HalfSpaceTrees",
    ("river.tree.padded", "PaddedLeaf"): "anomaly: HalfSpaceTrees",
    ("builtins", "tuple"): "anomaly: HalfSpaceTrees",
    ("river.anomaly.svm", "OneClassSVM"): "anomaly: OneClassSVM",
    ("river.optim.losses", "Hinge"): "anomaly: OneClassSVM",
    ("river.anomaly.gaussian", "GaussianScorer"): "anomaly: GaussianScorer",
    ("river.proba.gaussian", "Gaussian"): "anomaly: GaussianScorer",
    ("river.stats.var", "Var"): "anomaly: GaussianScorer",
    ("river.utils.rolling", "Rolling"): "anomaly: GaussianScorer",
    # clusters
    ("river.cluster.k_means", "KMeans"): "clusters: KMeans",
    ("river.cluster.dbstream", "DBSTREAM"): "clusters: DBSTREAM",
    ("river.cluster.dbstream", "DBSTREAMMicroCluster"): "clusters: DBSTREAM",
    # forecast
    ("river.time_series.holt_winters", "HoltWinters"): "forecast: HoltWinters",
    ("river.time_series.snarimax", "SNARIMAX"): "forecast: SNARIMAX",
    ("river.time_series.snarimax", "Differencer"): "forecast: SNARIMAX",
    ("river.linear_model.lin_reg", "LinearRegression"): "forecast: SNARIMAX",
    ("river.optim.losses", "Squared"): "forecast: SNARIMAX",
    # several
    ("river.compose.pipeline", "Pipeline"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
    ("river.preprocessing.scale", "StandardScaler"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
    ("river.preprocessing.scale", "MinMaxScaler"): "anomaly: scaled",
    ("river.stats.minimum", "Min"): "anomaly: scaled",
    ("river.stats.maximum", "Max"): "anomaly: scaled",
    ("river.stats.mean", "Mean"): "drift: PageHinkley; anomaly: GaussianScorer",
    ("river.optim.sgd", "SGD"): "anomaly: OneClassSVM; forecast: SNARIMAX",
    ("river.optim.schedulers", "Constant"): "anomaly: OneClassSVM; forecast: SNARIMAX",
    ("river.optim.initializers", "Zeros"): "anomaly: OneClassSVM; forecast: SNARIMAX",
    ("builtins", "float"): "anomaly: scaled; clusters: scaled; forecast: SNARIMAX",
}
