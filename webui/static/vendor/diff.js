export {diffLines} from "./diff/diff/line.js";
export {diffWords, diffWordsWithSpace} from "./diff/diff/word.js";
