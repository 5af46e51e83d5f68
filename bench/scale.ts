import { TABLES } from './scale/tables.ts'
for (const [name, content] of Object.entries(TABLES)) console.log(`## ${name}\n\n${content()}\n`)
