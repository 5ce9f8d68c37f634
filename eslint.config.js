import js from "@eslint/js";
import globals from "globals";

const rules = {
  "no-var": "error",
  "prefer-const": ["error", { destructuring: "all" }],
  eqeqeq: "error",
  curly: ["error", "multi-line"],
  "no-implicit-globals": "error",
  "no-shadow": "error",
  "no-unused-vars": "error",
  "object-shorthand": "error",
  "prefer-template": "error",
};

export default [
  { ...js.configs.recommended, files: ["python/maskpose/page/site/*.js", "tests/page/*.mjs"] },
  {
    files: ["python/maskpose/page/site/*.js"],
    languageOptions: { globals: { ...globals.browser, ...globals.worker } },
    rules,
  },
  { files: ["tests/page/*.mjs"], languageOptions: { globals: globals.node }, rules },
  { ignores: ["**/.venv*/", "out/", "runs/", "site/", "python/maskpose/report/", "build/"] },
];
