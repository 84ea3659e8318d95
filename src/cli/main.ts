#!/usr/bin/env node
import './require-node.ts'

// Loaded after the check: what an old Node.js lacks it would miss before anything is evaluated.
const { runCommandLine } = await import('./program.ts')
await runCommandLine()
