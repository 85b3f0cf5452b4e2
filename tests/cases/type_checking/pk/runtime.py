VALUE = "runtime"
