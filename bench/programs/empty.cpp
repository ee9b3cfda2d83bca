// SPDX-License-Identifier: Apache-2.0
// The least dynamic C++ program: linked against libstdc++, does nothing. Its start is the floor of a C++ cold start.
int main() { return 0; }
