export * from "./virtual-core/index.js";
