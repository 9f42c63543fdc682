// The one unit the shared precompiled header is built with.
