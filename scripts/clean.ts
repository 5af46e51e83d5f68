import { rmSync } from 'node:fs'

/** Before publishing, so that no file of an earlier build is published: `prepare` builds all of them. */
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true })
