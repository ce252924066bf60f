//! The edge. In: one `RunFunctionRequest`. Out: one `RunFunctionResponse`. Objects stay undecoded until someone looks.
