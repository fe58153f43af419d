import react from "@vitejs/plugin-react"
import { defineConfig } from "vitest/config"

export default defineConfig({
  // Relative URLs: the page may be served under any path
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    // No `data:` URLs, which a strict Content-Security-Policy forbids
    assetsInlineLimit: 0,
  },
  server: {
    proxy: { "/api": "http://127.0.0.1:8080" },
  },
  test: {
    include: ["client/**/*.test.ts", "src/**/*.test.ts"],
  },
})
