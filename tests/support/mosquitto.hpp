#pragma once

#include "tests/support/mosquitto/private_broker.hpp"
