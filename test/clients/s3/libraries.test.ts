import { testClients } from './clients.ts'
import { LIBRARIES } from './programs.ts'

testClients(LIBRARIES)
