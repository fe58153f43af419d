import { expect, test } from "vitest"
import { following, historyIn, tokens, unfenced } from "./chatbot.ts"

test("messages are read from a state, and invalid ones are skipped", () => {
  const user = { role: "user", content: "Hi", type: "text" } as const
  const odd = { role: "assistant", content: "Ho", type: "picture", more: 1 }
  expect(
    historyIn({ chat_history: [user, odd, { role: "system", content: "x" }, { role: "user" }, 7, null] }),
  ).toEqual([user, { role: "assistant", content: "Ho", type: "text" }])
  expect(historyIn({})).toBeUndefined()
})

test.each([
  ["prompt", {}, "check_safety"],
  ["check_safety", { safe: true }, "decide_mode"],
  ["check_safety", { safe: false }, "unsafe_response"],
  ["decide_mode", { mode: "generate_poem" }, "generate_poem"],
  ["decide_mode", { mode: "unknown" }, "prompt_for_more"],
  ["decide_mode", {}, undefined],
  ["another", {}, undefined],
])("after %s with %o comes %s", (step, state, expected) => {
  expect(following(step, state)).toBe(expected)
})

test.each([
  ["x = 1\n", "", "x = 1\n"],
  ["```python\nx = 1\n```", "python", "x = 1"],
  ["```\nx = 1\n```\n", "", "x = 1"],
  ["```python\nx = 1\n``", "python", "x = 1"],
  ["```c++\n", "c++", ""],
  ["```py", "py", ""],
  ["say `x`", "", "say `x`"],
])("code is taken out of its fence: %j", (content, language, text) => {
  expect(unfenced(content)).toEqual({ language, text })
})

test("estimated token counts are marked", () => {
  const usage = { prompt_tokens: 1000, completion_tokens: 234, total_tokens: 1234, estimated: false }
  expect(tokens(usage)).toBe("1,234 tokens")
  expect(tokens({ ...usage, estimated: true })).toBe("~1,234 tokens")
  expect(tokens({ ...usage, total_tokens: 1 })).toBe("1 token")
})
