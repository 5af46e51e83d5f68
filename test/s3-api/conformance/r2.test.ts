import { sampled } from '../../kit/sample.ts'
import { runGroups } from './run.ts'
import { openR2 } from './sites.ts'
import { TABLE } from './table.ts'

// In full with FULL=1: most of what it shows, the same cases over R2 and a fallback show too.
const groups = TABLE.map(({ name, cases }) => ({ name, cases: sampled(cases, 3) }))

runGroups(groups, 'R2', openR2)
