import { cpSync, rmSync } from 'node:fs'

/** The pages' files, for Workers that are built from the package instead of a clone. */
rmSync('dist/assets', { recursive: true, force: true })
cpSync('src/assets', 'dist/assets', { recursive: true })
