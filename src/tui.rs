//! Terminal set-up, input and frame pacing.
