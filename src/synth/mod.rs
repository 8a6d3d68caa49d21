//! Events → valid EVTX: the writer behind samples, tests and benchmarks. A scan never needs it.
